#include "tests/backends/worker/api/api_fixture.h"

namespace sluice::worker {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr std::string_view kCompletions = "/v1/completions";
constexpr std::string_view kChats = "/v1/chat/completions";

class ApiErrors : public ApiFixture {
 protected:
  // Every mistake in a request is found before the engine hears of it.
  void TearDown() override { EXPECT_TRUE(engine_.submitted.empty()); }

  void expect_error(std::string_view path, std::string_view body, int status, std::string_view type,
                    std::string_view param) {
    const HttpAnswer answer = post(path, body);
    EXPECT_EQ(answer.status, status) << body;
    EXPECT_THAT(answer.head, HasSubstr("content-type: application/json\r\n"));
    EXPECT_THAT(answer.body, StartsWith(R"({"error":{"message":")")) << body;
    const std::string quoted = param.empty() ? "null" : "\"" + std::string(param) + "\"";
    const std::string end = "\",\"type\":\"" + std::string(type) + "\",\"param\":" + quoted +
                            ",\"code\":" + std::to_string(status) + "}}";
    EXPECT_THAT(answer.body, ::testing::EndsWith(end)) << body;
  }
};

TEST_F(ApiErrors, UnknownPathsAndMethodsAreSaidInTheFrameworksWords) {
  EXPECT_EQ(get("/v1/nothing").status, 404);
  EXPECT_EQ(get("/v1/nothing").body, R"({"detail":"Not Found"})");
  EXPECT_EQ(get("/v1/completions").status, 405);
  EXPECT_EQ(get("/v1/completions").body, R"({"detail":"Method Not Allowed"})");
  EXPECT_EQ(post("/v1/models", "{}").status, 405);
  EXPECT_THAT(client_.ask("PUT", "/ping").head, HasSubstr("allow: GET, POST\r\n"));
}

TEST_F(ApiErrors, AnUnknownModelIsNotFound) {
  expect_error(kCompletions, R"({"model":"other","prompt":"a"})", 404, "NotFoundError", "model");
  expect_error(kChats, R"({"model":"other","messages":[]})", 404, "NotFoundError", "model");
  EXPECT_EQ(
      post(kCompletions, R"({"model":"other","prompt":"a"})").body,
      R"({"error":{"message":"The model `other` does not exist.","type":"NotFoundError","param":"model","code":404}})");
}

TEST_F(ApiErrors, OnlyJsonIsTaken) {
  for (const char* headers : {"", "content-type: text/plain\r\n", "content-type: application/jsonl\r\n"}) {
    const HttpAnswer answer = client_.ask("POST", kCompletions, R"({"prompt":"a"})", headers);
    EXPECT_EQ(answer.status, 400) << headers;
    EXPECT_EQ(answer.body,
              R"({"error":{"message":"Unsupported Media Type: Only 'application/json' is allowed",)"
              R"("type":"Bad Request","param":null,"code":400}})");
  }
}

TEST_F(ApiErrors, MalformedJsonAndSchemaMistakesAreBadRequests) {
  expect_error(kCompletions, "{", 400, "Bad Request", "body");
  expect_error(kCompletions, "[]", 400, "Bad Request", "body");
  expect_error(kChats, R"({"model":"m"})", 400, "Bad Request", "body.messages");
  expect_error("/tokenize", R"({})", 400, "Bad Request", "body.prompt");
  EXPECT_EQ(post(kChats, R"({"model":"m"})").body,
            R"({"error":{"message":"1 validation error:\n  {'type': 'missing', 'loc': ('body', 'messages'), )"
            R"('msg': 'Field required'}","type":"Bad Request","param":"body.messages","code":400}})");
}

TEST_F(ApiErrors, AValueOutOfRangeIsNamedWithItsParameter) {
  expect_error(kCompletions, R"({"prompt":"a","temperature":3})", 400, "BadRequestError", "temperature");
  EXPECT_THAT(post(kCompletions, R"({"prompt":"a","temperature":3})").body,
              HasSubstr("(parameter=temperature, value=3)"));
}

TEST_F(ApiErrors, WhatIsNotSupportedYetIsSaid) {
  expect_error(kChats, R"({"messages":[],"use_beam_search":true})", 400, "BadRequestError",
               "use_beam_search");
  EXPECT_THAT(post(kChats, R"({"messages":[],"use_beam_search":true})").body,
              HasSubstr("use_beam_search is not supported by this server yet."));
}

TEST_F(ApiErrors, SamplingThatTheModelOrTheServerCannotDoIsRefused) {
  expect_error(kCompletions, R"({"prompt":"a","logit_bias":{"260":1}})", 400, "BadRequestError",
               "logit_bias");
  EXPECT_THAT(post(kCompletions, R"({"prompt":"a","logit_bias":{"260":1}})").body,
              HasSubstr("token id 260 in logit_bias is out of vocabulary, which has 260 ids."));
  expect_error(kCompletions, R"({"prompt":"a","allowed_token_ids":[-1]})", 400, "BadRequestError",
               "allowed_token_ids");
  expect_error(kCompletions, R"({"prompt":"a","logprobs":21})", 400, "BadRequestError", "logprobs");
  expect_error(kChats, R"({"messages":[],"logprobs":true,"top_logprobs":21})", 400, "BadRequestError",
               "logprobs");
  expect_error(kCompletions, R"({"prompt":"a","logprobs":-1})", 400, "BadRequestError", "logprobs");
  expect_error(kCompletions, R"({"prompt":"a","prompt_logprobs":21})", 400, "BadRequestError",
               "prompt_logprobs");
  expect_error(kCompletions, R"({"prompt":"a","prompt_logprobs":-1})", 400, "BadRequestError",
               "prompt_logprobs");
  expect_error(kCompletions, R"({"prompt":"a","logprob_token_ids":[1]})", 400, "BadRequestError",
               "logprob_token_ids");
  expect_error(kCompletions, R"({"prompt":"a","n":2,"temperature":0})", 400, "BadRequestError", "n");
  expect_error(kCompletions, R"({"prompt":"a","truncate_prompt_tokens":65})", 400, "BadRequestError",
               "truncate_prompt_tokens");
  expect_error(kChats, R"({"messages":[],"tools":[{"function":{"name":"f"}}]})", 400, "BadRequestError",
               "tool_choice");
  expect_error(kChats, R"({"messages":[],"continue_final_message":true,"add_generation_prompt":false})", 400,
               "BadRequestError", "messages");
}

TEST_F(ApiErrors, MoreAnswersThanMayWaitAreRefusedBeforeAnythingIsMadeOfThem) {
  std::string prompts = R"(["a")";
  for (int i = 1; i < 1024; ++i)
    prompts += R"(,"a")";
  expect_error(kCompletions, R"({"prompt":)" + prompts + R"(],"n":16384,"temperature":1})", 503,
               "ServiceUnavailableError", "");
}

TEST_F(ApiErrors, MoreLogprobsThanOneRequestMayKeepAreRefused) {
  model_.max_model_len = 100'000;
  expect_error(kCompletions, R"({"prompt":"a","n":3,"temperature":1,"max_tokens":90000,"logprobs":20})", 400,
               "BadRequestError", "logprobs");
  expect_error(kChats,
               R"({"messages":[{"role":"u","content":")" + std::string(60'000, 'a') +
                   R"("}],"n":4,"temperature":1,"max_tokens":1,"prompt_logprobs":20})",
               400, "BadRequestError", "logprobs");
}

TEST_F(ApiErrors, PromptsThatCannotBeAnsweredAreRefused) {
  const std::string sixty_three(62, 'a');  // and the special token in front
  expect_error(kCompletions, R"({"prompt":[]})", 400, "BadRequestError", "prompt");
  expect_error(kCompletions, R"({"prompt":"","add_special_tokens":false})", 400, "BadRequestError", "");
  expect_error(kCompletions, R"({"prompt":[260]})", 400, "BadRequestError", "");
  expect_error(kCompletions, R"({"prompt":[-1]})", 400, "Bad Request", "body.prompt.0");
  expect_error(kCompletions, R"({"prompt":"a","max_tokens":65})", 400, "BadRequestError", "max_tokens");
  expect_error(kCompletions, R"({"prompt":")" + sixty_three + R"(","max_tokens":2})", 400, "BadRequestError",
               "input_tokens");
  expect_error(kCompletions, R"({"prompt":")" + sixty_three + R"(a","max_tokens":1})", 400, "BadRequestError",
               "");
  expect_error(kCompletions, R"({"prompt":")" + std::string(64 * 8 + 1, 'a') + R"("})", 400,
               "BadRequestError", "input_text");
}

TEST_F(ApiErrors, ATooLongRequestIsToldTheContextsLength) {
  EXPECT_THAT(
      post(kCompletions, R"({"prompt":"aaaaaaaaa","max_tokens":60})").body,
      HasSubstr(
          "maximum context length is 64 tokens. However, you requested 60 output tokens and your prompt "
          "contains 10 input tokens, for a total of 70 tokens."));
}

TEST_F(ApiErrors, TheTemplatesOwnErrorIsTold) {
  expect_error(kChats, R"({"messages":[{"role":"bad","content":""}]})", 400, "BadRequestError", "");
  EXPECT_THAT(post(kChats, R"({"messages":[{"role":"bad"}]})").body, HasSubstr("no such role"));
}

TEST_F(ApiErrors, AModelWithoutATemplateCannotChat) {
  model_.chat_template.reset();
  expect_error(kChats, R"({"messages":[]})", 400, "BadRequestError", "");
}

TEST_F(ApiErrors, TheEnginesRefusalsHaveAStatus) {
  engine_.answer_to_submit = SubmitStatus::kQueueFull;
  expect_error(kCompletions, R"({"prompt":"a"})", 503, "ServiceUnavailableError", "");
  engine_.answer_to_submit = SubmitStatus::kNeverFits;
  expect_error(kCompletions, R"({"prompt":"a"})", 400, "BadRequestError", "");
  engine_.answer_to_submit = SubmitStatus::kStopped;
  expect_error(kCompletions, R"({"prompt":"a","stream":true})", 503, "ServiceUnavailableError", "");
  engine_.is_healthy = false;
  expect_error(kCompletions, R"({"prompt":"a"})", 500, "InternalServerError", "");
  EXPECT_TRUE(engine_.aborted.empty());
}

TEST_F(ApiErrors, AHeadThatIsNoHttpIsAnsweredToo) {
  const HttpAnswer answer = client_.ask("GET", "/a b");
  EXPECT_EQ(answer.status, 400);
  EXPECT_THAT(answer.body, StartsWith(R"({"error":{"message":")"));
}

class EngineFailure : public ApiFixture {};

TEST_F(EngineFailure, IsAnInternalErrorOfAWholeAnswer) {
  client_.send("POST", kCompletions, R"({"prompt":"a"})");
  engine_.say("x");
  engine_.end(FinishReason::kError);
  const HttpAnswer answer = client_.answer();
  EXPECT_EQ(answer.status, 500);
  EXPECT_EQ(
      answer.body,
      R"({"error":{"message":"Internal server error","type":"InternalServerError","param":null,"code":500}})");
  EXPECT_THAT(
      get("/metrics").body,
      HasSubstr(R"(vllm:request_success_total{engine="0",finished_reason="error",model_name="m"} 1)"));
}

TEST_F(EngineFailure, IsAnEventInAStream) {
  client_.send("POST", kCompletions, R"({"prompt":"a","stream":true})");
  engine_.end(FinishReason::kError);
  const HttpAnswer answer = client_.answer();
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(
      answer.body,
      "data: "
      R"({"error":{"message":"Internal server error","type":"InternalServerError","param":null,"code":500}})"
      "\n\ndata: [DONE]\n\n");
  EXPECT_TRUE(answer.complete);
}

TEST_F(EngineFailure, AnEngineThatIsStoppedAbortsTheAnswer) {
  client_.send("POST", kCompletions, R"({"prompt":"a"})");
  engine_.say("x");
  engine_.end(FinishReason::kAborted);
  EXPECT_THAT(client_.answer().body, HasSubstr(R"("text":"x","logprobs":null,"finish_reason":"abort")"));
}

class ApiThatRefuses : public ApiFixture {
 protected:
  ApiThatRefuses() : ApiFixture({.version = "1.2.3", .faults = {.status = 429}}) {}
};

TEST_F(ApiThatRefuses, RefusesAnswersOnly) {
  EXPECT_EQ(post(kCompletions, R"({"prompt":"a"})").status, 429);
  EXPECT_EQ(get("/health").status, 200);
  EXPECT_TRUE(engine_.submitted.empty());
}

class ApiThatFails : public ApiFixture {
 protected:
  ApiThatFails() : ApiFixture({.version = "1.2.3", .faults = {.fail_after = 2, .extra_usage = 1000}}) {}
};

TEST_F(ApiThatFails, FailsOnARequestAfterSoManyTokensAndLetsTheEngineGo) {
  client_.send("POST", kCompletions, R"({"prompt":"a","stream":true})");
  engine_.say("xy");
  client_.answer();
  engine_.say("z");
  const HttpAnswer answer = client_.answer();
  EXPECT_THAT(answer.body, HasSubstr(R"("text":"xy")"));
  EXPECT_THAT(answer.body, HasSubstr(R"("type":"InternalServerError")"));
  EXPECT_THAT(answer.body, ::testing::EndsWith("data: [DONE]\n\n"));
  EXPECT_THAT(engine_.aborted, ::testing::ElementsAre(engine_.submitted.back().id));
}

TEST_F(ApiThatFails, TellsAWrongUsage) {
  client_.send("POST", kCompletions, R"({"prompt":"a"})");
  engine_.say("x", FinishReason::kLength);
  EXPECT_THAT(client_.answer().body, HasSubstr(R"("completion_tokens":1001)"));
}

}  // namespace
}  // namespace sluice::worker
