#include "tests/backends/worker/api/api_fixture.h"

namespace sluice::worker {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

// Several answers to a request, and what is known of their tokens.
class ApiChoices : public ApiFixture {
 protected:
  // What the answer says behind `name`, up to the end of the value's list or object.
  static std::string value_of(const std::string& body, std::string_view name) {
    const std::size_t begin = body.find("\"" + std::string(name) + "\":");
    if (begin == std::string::npos) return "(absent)";
    std::size_t end = begin + name.size() + 3;
    const std::size_t value = end;
    int depth = 0;
    do {
      depth += body[end] == '{' || body[end] == '[';
      depth -= body[end] == '}' || body[end] == ']';
      ++end;
    } while (depth > 0);
    return body.substr(value, end - value);
  }
};

TEST_F(ApiChoices, SeveralAnswersToSeveralPromptsComeInTheirOrder) {
  client_.send("POST", "/v1/completions", R"({"prompt":["a","b"],"n":2,"seed":5,"temperature":1})");
  ASSERT_EQ(engine_.submitted.size(), 4u);
  EXPECT_EQ(engine_.submitted[0].prompt, engine_.submitted[1].prompt) << "shared";
  EXPECT_EQ(engine_.submitted[0].sampling, engine_.submitted[3].sampling) << "shared";
  EXPECT_THAT(*engine_.submitted[2].prompt, ElementsAre(kTurnToken, 'b'));
  std::vector<std::uint64_t> seeds;
  for (const Request& request : engine_.submitted)
    seeds.push_back(request.seed.value());
  EXPECT_THAT(seeds, ElementsAre(5, 6, 5, 6));
  for (const int i : {3, 0, 2, 1}) {
    EXPECT_FALSE(client_.answer().complete);
    engine_.say_to(engine_.submitted[static_cast<std::size_t>(i)], {'w' + i}, FinishReason::kLength);
  }
  const std::string body = client_.answer().body;
  std::size_t at = 0;
  for (const char* choice : {R"("index":0,"text":"w")", R"("index":1,"text":"x")", R"("index":2,"text":"y")",
                             R"("index":3,"text":"z")"}) {
    ASSERT_NE(body.find(choice, at), std::string::npos) << choice;
    at = body.find(choice, at);
  }
  EXPECT_THAT(body, HasSubstr(R"("usage":{"prompt_tokens":4,"total_tokens":8,"completion_tokens":4,)"))
      << "each prompt counts once";
}

TEST_F(ApiChoices, AStreamTagsEveryFrameAndEndsOnce) {
  client_.send(
      "POST", "/v1/chat/completions",
      R"({"messages":[],"n":2,"temperature":1,"stream":true,"stream_options":{"include_usage":true}})");
  engine_.say_to(engine_.submitted[1], {'b'});
  engine_.say_to(engine_.submitted[0], {'a'}, FinishReason::kLength);
  std::string body = client_.answer().body;
  EXPECT_THAT(body, HasSubstr(R"({"index":1,"delta":{"role":"assistant","content":""})"));
  EXPECT_THAT(body,
              HasSubstr(R"({"index":0,"delta":{"content":"a"},"logprobs":null,"finish_reason":"length")"));
  EXPECT_THAT(body, Not(HasSubstr("[DONE]")));
  EXPECT_THAT(body, Not(HasSubstr("usage")));
  engine_.say_to(engine_.submitted[1], {'c'}, FinishReason::kLength);
  body = client_.answer().body;
  EXPECT_THAT(
      body, HasSubstr(R"("choices":[],"usage":{"prompt_tokens":1,"total_tokens":4,"completion_tokens":3})"));
  EXPECT_THAT(body, ::testing::EndsWith("data: [DONE]\n\n"));
}

TEST_F(ApiChoices, AClientThatLeavesAbortsWhatHasNotEnded) {
  client_.send("POST", "/v1/completions", R"({"prompt":"a","n":3,"temperature":1,"stop":"!","stream":true})");
  engine_.say_to(engine_.submitted[0], {'x'}, FinishReason::kLength);
  engine_.say_to(engine_.submitted[1], {'!'});
  client_.answer();
  EXPECT_THAT(engine_.aborted, ElementsAre(engine_.submitted[1].id)) << "by its stop string";
  engine_.say_to(engine_.submitted[1], {}, FinishReason::kAborted);
  client_.answer();
  client_.leave();
  EXPECT_THAT(engine_.aborted, ElementsAre(engine_.submitted[1].id, engine_.submitted[2].id));
}

TEST_F(ApiChoices, AnEngineThatFailsOnOneAnswerFailsTheRequest) {
  client_.send("POST", "/v1/completions", R"({"prompt":"a","n":2,"temperature":1})");
  engine_.say_to(engine_.submitted[0], {'x'}, FinishReason::kLength);
  engine_.say_to(engine_.submitted[1], {}, FinishReason::kError);
  EXPECT_EQ(client_.answer().status, 500);
}

TEST_F(ApiChoices, TheMostAnswersOfAPromptAndItsLongestAreCounted) {
  client_.send("POST", "/v1/completions", R"({"prompt":"a","n":2,"temperature":1})");
  engine_.say_to(engine_.submitted[0], {'x'}, FinishReason::kLength);
  engine_.say_to(engine_.submitted[1], {'x', 'y', 'z'}, FinishReason::kLength);
  client_.answer();
  const std::string metrics = get("/metrics").body;
  const std::string labels = R"({engine="0",model_name="m"} )";
  EXPECT_THAT(metrics, HasSubstr("vllm:request_params_n_sum" + labels + "2\n"));
  EXPECT_THAT(metrics, HasSubstr("vllm:request_params_n_count" + labels + "1\n"));
  EXPECT_THAT(metrics, HasSubstr("vllm:request_max_num_generation_tokens_sum" + labels + "3\n"));
  EXPECT_THAT(metrics, HasSubstr("vllm:request_generation_tokens_sum" + labels + "4\n"));
}

TEST_F(ApiChoices, AChatsLogprobsListTheTokenFirstAndExactlyAsManyAsWereAsked) {
  engine_.most_probable = {{'x', -0.25F, 1}, {'a', -0.5F, 2}, {'y', -1, 3}};
  const auto logprobs = [&](const char* members) {
    client_.send("POST", "/v1/chat/completions",
                 std::string(R"({"messages":[],"logprobs":true)") + members + "}");
    engine_.say("a", FinishReason::kLength);
    return value_of(client_.answer().body, "logprobs");
  };
  const std::string a = R"({"token":"a","logprob":-0.5,"bytes":[97])";
  const std::string x = R"({"token":"x","logprob":-0.25,"bytes":[120])";
  EXPECT_EQ(logprobs(""), R"({"content":[)" + a + R"(,"top_logprobs":[]}]})");
  EXPECT_EQ(logprobs(R"(,"top_logprobs":2)"),
            R"({"content":[)" + a + R"(,"top_logprobs":[)" + a + "}," + x + "}]}]}");
}

TEST_F(ApiChoices, ACompletionsLogprobsHaveTheTokenAndThoseAsked) {
  engine_.most_probable = {{'x', -0.25F, 1}, {'a', -0.5F, 2}};
  client_.send("POST", "/v1/completions", R"({"prompt":"q","logprobs":2})");
  engine_.say("ab", FinishReason::kLength);
  EXPECT_EQ(value_of(client_.answer().body, "logprobs"),
            R"({"text_offset":[0,1],"token_logprobs":[-0.5,-0.5],"tokens":["a","b"],)"
            R"("top_logprobs":[{"a":-0.5,"x":-0.25},{"b":-0.5,"x":-0.25,"a":-0.5}]})");
}

TEST_F(ApiChoices, AnEchoWithLogprobsCoversThePromptOfWhichTheFirstTokenHasNone) {
  client_.send("POST", "/v1/completions", R"({"prompt":[97,98],"echo":true,"logprobs":0})");
  EXPECT_EQ(engine_.submitted.back().sampling->prompt_logprobs, 0);
  engine_.say("c", FinishReason::kLength);
  const std::string body = client_.answer().body;
  EXPECT_THAT(body, HasSubstr(R"("text":"abc")"));
  EXPECT_EQ(value_of(body, "logprobs"),
            R"({"text_offset":[0,1,2],"token_logprobs":[null,-0.5,-0.5],"tokens":["a","b","c"],)"
            R"("top_logprobs":[null,{"b":-0.5},{"c":-0.5}]})");
}

TEST_F(ApiChoices, APromptOfOneTokenHasNoLogprobsButIsTold) {
  client_.send("POST", "/v1/completions", R"({"prompt":[97],"prompt_logprobs":0})");
  engine_.say("c", FinishReason::kLength);
  EXPECT_EQ(value_of(client_.answer().body, "prompt_logprobs"), "[null]");
  client_.send("POST", "/v1/completions", R"({"prompt":[97],"echo":true,"logprobs":0})");
  engine_.say("c", FinishReason::kLength);
  EXPECT_EQ(value_of(client_.answer().body, "tokens"), R"(["a","c"])");
}

TEST_F(ApiChoices, PromptLogprobsAreAListByPosition) {
  engine_.most_probable = {{'x', -0.25F, 1}};
  client_.send("POST", "/v1/completions", R"({"prompt":[97,98],"prompt_logprobs":1})");
  engine_.say("c", FinishReason::kLength);
  const std::string expected = R"([null,{"98":{"logprob":-0.5,"rank":2,"decoded_token":"b"},)"
                               R"("120":{"logprob":-0.25,"rank":1,"decoded_token":"x"}}])";
  EXPECT_EQ(value_of(client_.answer().body, "prompt_logprobs"), expected);
  client_.send(
      "POST", "/v1/chat/completions",
      R"({"messages":[{"role":"u","content":""}],"add_generation_prompt":false,"prompt_logprobs":0})");
  engine_.say("c", FinishReason::kLength);
  EXPECT_THAT(value_of(client_.answer().body, "prompt_logprobs"), ::testing::StartsWith("[null,{"));
}

TEST_F(ApiChoices, TheTokenThatCompletesACharacterCarriesIt) {
  client_.send("POST", "/v1/completions", R"({"prompt":"q","logprobs":0})");
  engine_.say("\xc3\xa4", FinishReason::kLength);
  EXPECT_EQ(value_of(client_.answer().body, "tokens"), "[\"\",\"\xc3\xa4\"]");
}

TEST_F(ApiChoices, TokensMayBeNamedByTheirIds) {
  client_.send("POST", "/v1/completions", R"({"prompt":"q","logprobs":0,"return_tokens_as_token_ids":true})");
  engine_.say("a", FinishReason::kLength);
  EXPECT_EQ(value_of(client_.answer().body, "tokens"), R"(["token_id:97"])");
}

TEST_F(ApiChoices, ImpossibleTokensHaveALogprobThatJsonCanSay) {
  engine_.most_probable = {{'x', -std::numeric_limits<float>::infinity(), 9}};
  client_.send("POST", "/v1/completions", R"({"prompt":"q","logprobs":1})");
  engine_.say("a", FinishReason::kLength);
  EXPECT_EQ(value_of(client_.answer().body, "top_logprobs"), R"([{"a":-0.5,"x":-9999}])");
}

TEST_F(ApiChoices, AStreamsLogprobsComeWithTheirTokensAndCountOn) {
  client_.send("POST", "/v1/completions", R"({"prompt":"q","logprobs":0,"stream":true})");
  engine_.say("ab");
  EXPECT_THAT(client_.answer().body, HasSubstr(R"("text_offset":[0,1])"));
  engine_.say("c", FinishReason::kLength);
  EXPECT_THAT(client_.answer().body,
              HasSubstr(R"("text_offset":[2],"token_logprobs":[-0.5],"tokens":["c"])"));
}

TEST_F(ApiChoices, TheCheckpointsDefaultsFillWhatTheRequestLeavesOpen) {
  model_.generation.temperature = 0.25;
  model_.generation.top_p = 0.5;
  model_.generation.min_p = 0.125;
  model_.generation.repetition_penalty = 1.5;
  model_.generation.top_k = 7;
  client_.send("POST", "/v1/completions", R"({"prompt":"q"})");
  SamplingParams sampling = *engine_.submitted.back().sampling;
  EXPECT_EQ(sampling.temperature, 0.25F);
  EXPECT_EQ(sampling.top_p, 0.5F);
  EXPECT_EQ(sampling.min_p, 0.125F);
  EXPECT_EQ(sampling.repetition_penalty, 1.5F);
  EXPECT_EQ(sampling.top_k, 7);
  HttpClient other(loop_, api_);
  other.send("POST", "/v1/completions",
             R"({"prompt":"q","temperature":2,"top_p":1,"min_p":0,"repetition_penalty":1,"top_k":-1})");
  sampling = *engine_.submitted.back().sampling;
  EXPECT_EQ(sampling.temperature, 2);
  EXPECT_EQ(sampling.top_p, 1);
  EXPECT_EQ(sampling.min_p, 0);
  EXPECT_EQ(sampling.repetition_penalty, 1);
  EXPECT_EQ(sampling.top_k, 0);
}

TEST_F(ApiChoices, ABadWordIsBannedWithAndWithoutASpaceInFront) {
  client_.send("POST", "/v1/completions", R"({"prompt":"q","bad_words":["ab"]})");
  EXPECT_THAT(engine_.submitted.back().sampling->bad_words, ElementsAre(ElementsAre('a', 'b')))
      << "with a space it is one token longer, so the bare word is in it";
}

TEST_F(ApiChoices, IdsAreKeptOnceAndInOrder) {
  client_.send("POST", "/v1/completions",
               R"({"prompt":"q","allowed_token_ids":[9,5,9,5,7],"stop_token_ids":[8,3,8,999]})");
  EXPECT_THAT(engine_.submitted.back().sampling->allowed_token_ids, ElementsAre(5, 7, 9));
  EXPECT_THAT(engine_.submitted.back().sampling->stop_token_ids, ElementsAre(3, 8));
}

TEST_F(ApiChoices, BadWordsThatCannotAppearAreLeftOut) {
  model_.vocab_size = 'c';
  client_.send("POST", "/v1/completions",
               R"({"prompt":"a","add_special_tokens":false,"bad_words":["b","cc",")" + std::string(100, 'a') +
                   R"("]})");
  EXPECT_THAT(engine_.submitted.back().sampling->bad_words, ElementsAre(ElementsAre('b')))
      << "beyond the model's vocabulary, or longer than its context";
}

TEST_F(ApiChoices, PriorityAndSaltReachTheEngineAndTheHeaderWins) {
  client_.send("POST", "/v1/completions", R"({"prompt":"q","priority":-3,"cache_salt":"s"})");
  EXPECT_EQ(engine_.submitted.back().priority, -3);
  EXPECT_EQ(engine_.submitted.back().cache_salt, "s");
  HttpClient other(loop_, api_);
  other.send("POST", "/v1/completions", R"({"prompt":"q","priority":-3})",
             "content-type: application/json\r\nX-Vllm-Priority: 8\r\n");
  EXPECT_EQ(engine_.submitted.back().priority, 8);
}

TEST_F(ApiChoices, ATruncatedPromptKeepsItsEndAndLeavesRoomForTheAnswer) {
  client_.send("POST", "/v1/completions",
               R"({"prompt":[1,2,3,4],"truncate_prompt_tokens":2,"max_tokens":62})");
  EXPECT_THAT(*engine_.submitted.back().prompt, ElementsAre(3, 4));
  HttpClient other(loop_, api_);
  other.send("POST", "/v1/completions",
             R"({"prompt":")" + std::string(5000, 'a') + R"(","truncate_prompt_tokens":-1,"max_tokens":10})");
  EXPECT_EQ(engine_.submitted.back().prompt->size(), 54u);
}

TEST_F(ApiChoices, TheLastMessageIsContinuedWhereItsContentEnds) {
  client_.send("POST", "/v1/chat/completions",
               R"({"messages":[{"role":"user","content":"hi"},{"role":"assistant","content":"He"}],)"
               R"("add_generation_prompt":false,"continue_final_message":true,"echo":true})");
  EXPECT_EQ(prompt(), "[user:hi][assistant:He");
  engine_.say("llo", FinishReason::kLength);
  EXPECT_THAT(client_.answer().body, HasSubstr(R"("content":"Hello")"));
  client_.send("POST", "/v1/chat/completions",
               R"({"messages":[{"role":"user","content":"hi"}],"echo":true})");
  engine_.say("llo", FinishReason::kLength);
  EXPECT_THAT(client_.answer().body, HasSubstr(R"("content":"llo")")) << "not the answerer's";
}

TEST_F(ApiChoices, AStreamIntervalGathersTokensBehindTheFirst) {
  client_.send("POST", "/v1/completions", R"({"prompt":"q","stream":true,"stream_interval":3})");
  std::vector<std::size_t> frames;
  for (const char c : std::string_view("abcdefg")) {
    engine_.say({c});
    const std::string body = client_.answer().body;
    frames.push_back(static_cast<std::size_t>(std::ranges::count(body, '\n')) / 2);
  }
  EXPECT_THAT(frames, ElementsAre(1, 1, 1, 2, 2, 2, 3));
  engine_.say("h", FinishReason::kLength);
  EXPECT_THAT(client_.answer().body, HasSubstr(R"("text":"h")"));
}

class ApiWithDetails : public ApiFixture {
 protected:
  ApiWithDetails()
      : ApiFixture({.version = "1.2.3",
                    .max_logprobs = -1,
                    .request_id_headers = true,
                    .prompt_tokens_details = true,
                    .force_include_usage = true,
                    .tokens_as_ids = true}) {}
};

TEST_F(ApiWithDetails, CachedTokensAreTold) {
  engine_.cached_tokens = 16;
  client_.send("POST", "/v1/completions", R"({"prompt":"q"})");
  engine_.say("a", FinishReason::kLength);
  EXPECT_THAT(client_.answer().body, HasSubstr(R"("prompt_tokens_details":{"cached_tokens":16})"));
}

TEST_F(ApiWithDetails, EveryStreamHasUsageOnEveryFrameAndAtItsEnd) {
  client_.send("POST", "/v1/completions", R"({"prompt":"q","stream":true})");
  engine_.say("a");
  EXPECT_THAT(client_.answer().body,
              HasSubstr(R"("usage":{"prompt_tokens":2,"total_tokens":3,"completion_tokens":1})"));
  engine_.say("b", FinishReason::kLength);
  EXPECT_THAT(client_.answer().body, HasSubstr(R"("choices":[],"usage":{"prompt_tokens":2,)"));
}

TEST_F(ApiWithDetails, TheRequestsIdIsAnsweredOrAFreshOne) {
  EXPECT_THAT(client_.ask("GET", "/health", {}, "X-Request-Id: mine\r\n").head,
              HasSubstr("x-request-id: mine\r\n"));
  HttpClient other(loop_, api_);
  EXPECT_THAT(other.ask("GET", "/health").head, ::testing::ContainsRegex("x-request-id: [0-9a-f]{32}\r\n"));
}

TEST_F(ApiWithDetails, WithoutACapAllLogprobsMayBeAskedFor) {
  client_.send("POST", "/v1/completions", R"({"prompt":"q","logprobs":-1})");
  EXPECT_EQ(engine_.submitted.back().sampling->logprobs, 260);
  engine_.say("a", FinishReason::kLength);
  EXPECT_THAT(client_.answer().body, HasSubstr(R"("tokens":["token_id:97"])"));
}

TEST_F(ApiFixture, TheRequestsIdIsNotAnsweredUnasked) {
  EXPECT_THAT(client_.ask("GET", "/health", {}, "X-Request-Id: mine\r\n").head, Not(HasSubstr("request-id")));
}

}  // namespace
}  // namespace sluice::worker
