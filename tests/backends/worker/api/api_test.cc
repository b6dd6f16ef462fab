#include "tests/backends/worker/api/api_fixture.h"

namespace sluice::worker {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr std::string_view kChat = R"({"messages":[{"role":"user","content":"hi"}]})";

TEST_F(ApiFixture, AChatAnswerHasAllOfVllmsMembersInItsOrder) {
  client_.send("POST", "/v1/chat/completions",
               R"({"model":"alias","messages":[{"role":"user","content":"hi"}],"request_id":"r1"})");
  EXPECT_EQ(prompt(), "[user:hi]>");
  engine_.say("4");
  engine_.say({kEndToken}, FinishReason::kStop);
  const HttpAnswer answer = client_.answer();
  EXPECT_EQ(answer.status, 200);
  EXPECT_THAT(answer.head, HasSubstr("content-type: application/json\r\n"));
  EXPECT_EQ(
      plain(answer.body),
      R"({"id":"chatcmpl-r1","object":"chat.completion","created":3600000,"model":"m","choices":[{"index":0,)"
      R"("message":{"role":"assistant","content":"4","refusal":null,"annotations":null,"audio":null,)"
      R"("function_call":null,"reasoning":null},"logprobs":null,"finish_reason":"stop","stop_reason":null,)"
      R"("token_ids":null,"routed_experts":null}],"service_tier":null,"system_fingerprint":"sluice-1.2.3-F",)"
      R"("usage":{"prompt_tokens":10,"total_tokens":12,"completion_tokens":2,"prompt_tokens_details":null,)"
      R"("completion_tokens_details":null},"prompt_logprobs":null,"prompt_token_ids":null,"prompt_text":null,)"
      R"("kv_transfer_params":null,"ec_transfer_params":null,"metrics":null})");
}

TEST_F(ApiFixture, ACompletionHasAllOfVllmsMembersInItsOrder) {
  client_.send("POST", "/v1/completions", R"({"prompt":"ab","request_id":"r1"})");
  EXPECT_THAT(*engine_.submitted.back().prompt, ElementsAre(kTurnToken, 'a', 'b'));
  EXPECT_EQ(engine_.submitted.back().max_tokens, 16);
  engine_.say("c", FinishReason::kLength);
  EXPECT_EQ(
      plain(client_.answer().body),
      R"({"id":"cmpl-r1","object":"text_completion","created":3600000,"model":"m","choices":[{"index":0,)"
      R"("text":"c","logprobs":null,"finish_reason":"length","stop_reason":null,"token_ids":null,)"
      R"("prompt_logprobs":null,"prompt_token_ids":null,"routed_experts":null}],"service_tier":null,)"
      R"("system_fingerprint":"sluice-1.2.3-F","usage":{"prompt_tokens":3,"total_tokens":4,)"
      R"("completion_tokens":1,"prompt_tokens_details":null,"completion_tokens_details":null},)"
      R"("kv_transfer_params":null,"ec_transfer_params":null,"metrics":null})");
}

TEST_F(ApiFixture, TokenIdsAreReturnedOnRequest) {
  client_.send("POST", "/v1/completions", R"({"prompt":[1,2],"return_token_ids":true})");
  engine_.say("hi", FinishReason::kLength);
  EXPECT_THAT(client_.answer().body,
              HasSubstr(R"("token_ids":[104,105],"prompt_logprobs":null,"prompt_token_ids":[1,2])"));
}

TEST_F(ApiFixture, TheEngineGetsWhatTheRequestSays) {
  client_.send(
      "POST", "/v1/completions",
      R"({"prompt":"a","max_tokens":9,"min_tokens":2,"ignore_eos":true,"stop_token_ids":[5,99999999999]})");
  const Request& request = engine_.submitted.back();
  EXPECT_EQ(request.max_tokens, 9);
  EXPECT_EQ(request.min_tokens, 2);
  EXPECT_TRUE(request.ignore_eos);
  EXPECT_THAT(request.sampling->stop_token_ids, ElementsAre(5));
}

TEST_F(ApiFixture, AnAnswerMayFillTheContextUnlessTheRequestOrTheCheckpointSaysLess) {
  client_.send("POST", "/v1/chat/completions", kChat);
  EXPECT_EQ(engine_.submitted.back().max_tokens, 54);
  engine_.say("x", FinishReason::kLength);
  client_.answer();
  model_.generation.max_new_tokens = 7;
  client_.send("POST", "/v1/chat/completions", kChat);
  EXPECT_EQ(engine_.submitted.back().max_tokens, 7);
}

TEST_F(ApiFixture, AStopStringEndsTheAnswerAndTheEnginesWork) {
  client_.send("POST", "/v1/completions", R"({"prompt":"a","stop":"!!"})");
  engine_.say("ab!");
  EXPECT_FALSE(client_.answer().complete);
  engine_.say("!cd");
  const HttpAnswer answer = client_.answer();
  EXPECT_THAT(answer.body,
              HasSubstr(R"("text":"ab","logprobs":null,"finish_reason":"stop","stop_reason":"!!")"));
  EXPECT_THAT(answer.body, HasSubstr(R"("completion_tokens":4)"));
  EXPECT_THAT(engine_.aborted, ElementsAre(engine_.submitted.back().id));
}

TEST_F(ApiFixture, AStopTokenIsNamed) {
  client_.send("POST", "/v1/completions", R"({"prompt":"a","stop_token_ids":[98]})");
  engine_.say({'a', 'b'}, FinishReason::kStop, 'b');
  EXPECT_THAT(client_.answer().body,
              HasSubstr(R"("text":"a","logprobs":null,"finish_reason":"stop","stop_reason":98)"));
}

TEST_F(ApiFixture, AnEchoGoesInFrontAndMayStandAlone) {
  client_.send("POST", "/v1/completions", R"({"prompt":"ab","echo":true})");
  engine_.say("c", FinishReason::kLength);
  EXPECT_THAT(client_.answer().body, HasSubstr(R"("text":"abc")"));
  client_.send("POST", "/v1/completions", R"({"prompt":[97,98],"echo":true,"max_tokens":0})");
  EXPECT_EQ(engine_.submitted.back().max_tokens, 1);
  engine_.say("c", FinishReason::kLength);
  EXPECT_THAT(client_.answer().body, HasSubstr(R"("text":"ab")"));
}

TEST_F(ApiFixture, TheAnswersIdIsTheHeadersOrTheBodysOrAFreshOne) {
  const auto id_of = [&](std::string_view body, std::string_view headers) {
    client_.send("POST", "/v1/completions", body, headers);
    engine_.say("c", FinishReason::kLength);
    const std::string answer = client_.answer().body;
    return answer.substr(7, answer.find('"', 7) - 7);
  };
  EXPECT_EQ(
      id_of(R"({"prompt":"a","request_id":"b"})", "content-type: application/json\r\nX-Request-Id: h\"1\r\n"),
      "cmpl-h\\");  // the quote is escaped
  EXPECT_EQ(id_of(R"({"prompt":"a","request_id":"b"})", "content-type: application/json\r\n"), "cmpl-b");
  const std::string fresh = id_of(R"({"prompt":"a"})", "content-type: application/json\r\n");
  EXPECT_THAT(fresh, ::testing::MatchesRegex("cmpl-[0-9a-f]+"));
  EXPECT_EQ(fresh.size(), 5u + 32u);
  EXPECT_NE(fresh, id_of(R"({"prompt":"a"})", "content-type: application/json\r\n"));
}

TEST_F(ApiFixture, TextIsEscapedOnceAndNeverBroken) {
  client_.send("POST", "/v1/completions", R"({"prompt":"a"})");
  engine_.say(std::string_view("\"\\\n\x01\xc3\xa4\xff", 7), FinishReason::kLength);
  EXPECT_THAT(client_.answer().body, HasSubstr(R"("text":"\"\\\n\u0001ä�")"));
}

TEST_F(ApiFixture, TemplateVariablesReachTheTemplate) {
  client_.send("POST", "/v1/chat/completions",
               R"({"messages":[],"add_generation_prompt":false,"chat_template_kwargs":{"mood":"calm"}})");
  EXPECT_EQ(prompt(), "calm");
}

TEST_F(ApiFixture, TheDateReachesTheTemplateInUtc) {
  model_.chat_template = text::ChatTemplate::parse("{{ strftime_now('%d %b %Y') }}").value();
  client_.send("POST", "/v1/chat/completions", kChat);
  EXPECT_EQ(prompt(), "11 Feb 1970");  // 3,600,000 s after the epoch
}

TEST_F(ApiFixture, ModelsAreListedByAllNames) {
  const HttpAnswer answer = get("/v1/models");
  EXPECT_EQ(answer.status, 200);
  EXPECT_THAT(answer.body, ::testing::StartsWith(
                               R"({"object":"list","data":[{"id":"m","object":"model","created":1700000000,)"
                               R"("owned_by":"vllm","root":"/models/m","parent":null,"max_model_len":64,)"
                               R"("permission":[{"id":"modelperm-)"));
  EXPECT_THAT(answer.body, HasSubstr(R"({"id":"alias",)"));
  EXPECT_THAT(
      answer.body,
      ::testing::EndsWith(R"(,"object":"model_permission","created":1700000000,"allow_create_engine":false,)"
                          R"("allow_sampling":true,"allow_logprobs":true,"allow_search_indices":false,)"
                          R"("allow_view":true,"allow_fine_tuning":false,"organization":"*","group":null,)"
                          R"("is_blocking":false}]}]})"));
}

TEST_F(ApiFixture, HealthIsTheEngines) {
  for (const char* path : {"/health", "/ping"}) {
    engine_.is_healthy = true;
    EXPECT_EQ(get(path).status, 200);
    EXPECT_EQ(get(path).body, "");
    engine_.is_healthy = false;
    EXPECT_EQ(get(path).status, 503);
  }
  engine_.is_healthy = true;
  EXPECT_EQ(post("/ping", "").status, 200);
}

TEST_F(ApiFixture, TheVersionIsTold) {
  EXPECT_EQ(get("/version").body, R"({"version":"1.2.3"})");
}

TEST_F(ApiFixture, LoadCountsRequestsUntilTheyAreAnswered) {
  HttpClient other(loop_, api_);
  EXPECT_EQ(get("/load").body, R"({"server_load":0})");
  other.send("POST", "/v1/chat/completions", kChat);
  EXPECT_EQ(get("/load").body, R"({"server_load":1})");
  engine_.say("x", FinishReason::kLength);
  EXPECT_TRUE(other.answer().complete);
  EXPECT_EQ(get("/load").body, R"({"server_load":0})");
}

TEST_F(ApiFixture, TextAndConversationsAreTokenized) {
  EXPECT_EQ(post("/tokenize", R"({"prompt":"ab"})").body,
            R"({"count":3,"max_model_len":64,"tokens":[256,97,98],"token_strs":null})");
  EXPECT_EQ(post("/tokenize", R"({"prompt":"ab","add_special_tokens":false,"return_token_strs":true})").body,
            R"({"count":2,"max_model_len":64,"tokens":[97,98],"token_strs":["a","b"]})");
  EXPECT_EQ(post("/tokenize", R"({"messages":[],"add_generation_prompt":true})").body,
            R"({"count":1,"max_model_len":64,"tokens":[62],"token_strs":null})");
  EXPECT_EQ(post("/detokenize", R"({"tokens":[97,98,257]})").body, R"({"prompt":"ab<|end|>"})");
  EXPECT_EQ(post("/detokenize", R"({"tokens":[-1]})").status, 400);
  EXPECT_EQ(post("/detokenize", R"({"tokens":[260]})").status, 400);
  EXPECT_EQ(post("/detokenize", R"({"tokens":[9223372036854775807]})").status, 400);
  EXPECT_EQ(post("/detokenize", R"({})").status, 400);
  EXPECT_EQ(post("/tokenize", R"({"prompt":"a","model":"other"})").status, 404);
}

TEST_F(ApiFixture, TokenizingKnowsNoContextLimit) {
  const HttpAnswer answer = post("/tokenize", R"({"prompt":")" + std::string(1000, 'a') + R"("})");
  EXPECT_THAT(answer.body, ::testing::StartsWith(R"({"count":1001,)"));
}

TEST_F(ApiFixture, MetricsAreTheEnginesAndTheRequestsUnderVllmsNames) {
  engine_.engine_stats = {
      .scheduler = {.running = 3,
                    .waiting = 2,
                    .prompt_tokens = 40,
                    .cached_prompt_tokens = 16,
                    .generated_tokens = 7,
                    .prefix_queries = 60,
                    .prefix_hits = 15,
                    .preemptions = 4},
      .kv_used_tokens = 128,
      .kv_capacity_tokens = 512,
      .step_sizes = {.steps = {5, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}, .tokens = 20020}};
  engine_.cached_tokens = 8;
  client_.send("POST", "/v1/chat/completions", kChat);
  engine_.say("a");
  engine_.say("b");
  engine_.say("c", FinishReason::kLength);
  client_.answer();
  const HttpAnswer answer = get("/metrics");
  EXPECT_THAT(answer.head, HasSubstr("content-type: text/plain; version=0.0.4; charset=utf-8\r\n"));
  const std::string labels = R"({engine="0",model_name="m"} )";
  for (const std::string& line :
       {"vllm:num_requests_running" + labels + "3\n",
        "vllm:num_requests_waiting" + labels + "2\n",
        "vllm:kv_cache_usage_perc" + labels + "0.25\n",
        "vllm:prompt_tokens_total" + labels + "40\n",
        "vllm:generation_tokens_total" + labels + "7\n",
        "vllm:gpu_cache_usage_perc" + labels + "0.25\n",
        "vllm:num_preemptions_total" + labels + "4\n",
        "vllm:prefix_cache_queries_total" + labels + "60\n",
        "vllm:prefix_cache_hits_total" + labels + "15\n",
        "vllm:gpu_prefix_cache_hit_rate" + labels + "0.25\n",
        "vllm:prompt_tokens_cached_total" + labels + "16\n",
        std::string(
            R"(vllm:prompt_tokens_by_source_total{engine="0",model_name="m",source="local_compute"} 24)") +
            "\n",
        std::string(R"(vllm:num_requests_waiting_by_reason{engine="0",model_name="m",reason="capacity"} 2)") +
            "\n",
        std::string(R"(vllm:engine_sleep_state{engine="0",model_name="m",sleep_state="awake"} 1)") + "\n",
        std::string("# TYPE vllm:iteration_tokens_total histogram\n"),
        std::string(R"(vllm:iteration_tokens_total_bucket{engine="0",model_name="m",le="1"} 5)") + "\n",
        std::string(R"(vllm:iteration_tokens_total_bucket{engine="0",model_name="m",le="16384"} 7)") + "\n",
        std::string(R"(vllm:iteration_tokens_total_bucket{engine="0",model_name="m",le="+Inf"} 8)") + "\n",
        "vllm:iteration_tokens_total_sum" + labels + "20020\n",
        "vllm:iteration_tokens_total_count" + labels + "8\n",
        "vllm:request_prefill_kv_computed_tokens_sum" + labels + "2\n",
        "vllm:request_params_n_sum" + labels + "1\n",
        "vllm:request_max_num_generation_tokens_sum" + labels + "3\n",
        std::string(R"(http_requests_total{handler="/v1/chat/completions",method="POST",status="2xx"} 1)") +
            "\n",
        std::string(R"(vllm:request_success_total{engine="0",finished_reason="length",model_name="m"} 1)") +
            "\n",
        std::string(R"(vllm:request_success_total{engine="0",finished_reason="stop",model_name="m"} 0)") +
            "\n",
        "vllm:time_to_first_token_seconds_sum" + labels + "0.03\n",
        "vllm:time_to_first_token_seconds_count" + labels + "1\n",
        "vllm:inter_token_latency_seconds_sum" + labels + "0.02\n",
        "vllm:inter_token_latency_seconds_count" + labels + "2\n",
        std::string(R"(vllm:inter_token_latency_seconds_bucket{engine="0",model_name="m",le="0.01"} 2)") +
            "\n",
        "vllm:e2e_request_latency_seconds_sum" + labels + "0.05\n",
        "vllm:request_prompt_tokens_sum" + labels + "10\n",
        "vllm:request_generation_tokens_sum" + labels + "3\n"}) {
    EXPECT_THAT(answer.body, HasSubstr(line));
  }
}

TEST_F(ApiFixture, AClientThatLeavesFreesItsSequenceAtOnceAndCountsAsNoSuccess) {
  for (const char* body : {R"({"prompt":"a"})", R"({"prompt":"a","stream":true})"}) {
    HttpClient other(loop_, api_);
    other.send("POST", "/v1/completions", body);
    engine_.say("x");
    other.answer();
    EXPECT_TRUE(engine_.aborted.empty());
    other.leave();
    EXPECT_THAT(engine_.aborted, ElementsAre(engine_.submitted.back().id));
    engine_.aborted.clear();
    // The engine's last word finds nobody, and does no harm.
    engine_.end(FinishReason::kAborted);
    EXPECT_EQ(get("/load").body, R"({"server_load":0})");
  }
  EXPECT_THAT(
      get("/metrics").body,
      HasSubstr(R"(vllm:request_success_total{engine="0",finished_reason="abort",model_name="m"} 0)"));
}

TEST_F(ApiFixture, OneConnectionServesOneAnswerAfterTheOther) {
  for (int i = 0; i < 3; ++i) {
    client_.send("POST", "/v1/completions", R"({"prompt":"a"})");
    engine_.say("x", FinishReason::kLength);
    EXPECT_TRUE(client_.answer().complete);
  }
  EXPECT_TRUE(engine_.aborted.empty());
}

class ApiWithKeys : public ApiFixture {
 protected:
  ApiWithKeys() : ApiFixture({.api_keys = {"one", "two"}, .version = "1.2.3"}) {}
};

TEST_F(ApiWithKeys, WhatIsUnderV1NeedsOneOfTheKeys) {
  for (const char* wrong : {"", "Authorization: Bearer three\r\n", "Authorization: one\r\n",
                            "Authorization: Bearer \r\n", "Authorization: Basic one\r\n"}) {
    const HttpAnswer answer = client_.ask("GET", "/v1/models", {}, wrong);
    EXPECT_EQ(answer.status, 401) << wrong;
    EXPECT_EQ(answer.body, R"({"error":"Unauthorized"})");
  }
  HttpClient other(loop_, api_);
  EXPECT_EQ(other.ask("GET", "/v1/models", {}, "Authorization: Bearer one\r\n").status, 200);
  EXPECT_EQ(other.ask("GET", "/v1/models", {}, "authorization: bearer two\r\n").status, 200);
  EXPECT_EQ(other.ask("GET", "/v1/nothing", {}, "").status, 401);
  EXPECT_EQ(other.ask("GET", "/health", {}, "").status, 200);
  EXPECT_EQ(other.ask("GET", "/metrics", {}, "").status, 200);
}

}  // namespace
}  // namespace sluice::worker
