#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "tests/backends/worker/api/api_fixture.h"

namespace sluice::worker {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class ApiEmbeddings : public ApiFixture {
 protected:
  // The answer to a request whose prompts all have the embedding (3, 0, 4, 0).
  HttpAnswer embed(std::string_view body) {
    client_.send("POST", "/v1/embeddings", body);
    for (const Request& request : engine_.submitted)
      engine_.embed(request, {3, 0, 4, 0});
    engine_.submitted.clear();
    return client_.answer();
  }
  HttpAnswer embed_with(std::string_view members) {
    return embed(R"({"input":"ab",)" + std::string(members) + "}");
  }
  // What `members` make of an embedding's numbers.
  std::string numbers(std::string_view members) {
    const std::string body = embed_with(members).body;
    const std::string_view name = R"("embedding":)";
    const std::size_t begin = body.find(name) + name.size();
    return body.substr(begin, body.find('}', begin) - begin);
  }
};

TEST_F(ApiEmbeddings, HaveAllOfVllmsMembersInItsOrder) {
  EXPECT_EQ(embed(R"({"input":"ab","model":"m","request_id":"r"})").body,
            R"({"id":"embd-r","object":"list","created":3600000,"model":"m","data":[)"
            R"({"index":0,"object":"embedding","embedding":[0.6,0,0.8,0]}],)"
            R"("usage":{"prompt_tokens":3,"total_tokens":3,"completion_tokens":0,)"
            R"("prompt_tokens_details":null,"completion_tokens_details":null}})");
}

TEST_F(ApiEmbeddings, AreOfTextsOrIdsOrConversations) {
  for (const auto& [input, text] : std::vector<std::pair<std::string, std::string>>{
           {R"("input":"ab")", "<|turn|>ab"},
           {R"("input":"ab","add_special_tokens":false)", "ab"},
           {R"("input":[97,98])", "ab"},
           {R"("input":[[97],[98]])", "b"},
           {R"("messages":[{"role":"user","content":"x"}])", "[user:x]"},
           {R"("messages":[{"role":"user","content":"x"}],"add_generation_prompt":true)", "[user:x]>"},
           {R"("input":"abcdef","truncate_prompt_tokens":2)", "ef"}}) {
    client_.send("POST", "/v1/embeddings", "{" + input + "}");
    ASSERT_THAT(engine_.submitted, ::testing::Not(IsEmpty())) << input;
    EXPECT_EQ(prompt(), text);
    EXPECT_EQ(engine_.submitted.back().pooling, Pooling::kLast);
    for (const Request& request : std::exchange(engine_.submitted, {}))
      engine_.embed(request, {1, 0, 0, 0});
    EXPECT_EQ(client_.answer().status, 200) << input;
  }
}

TEST_F(ApiEmbeddings, ComeInTheOrderOfTheirInputs) {
  client_.send("POST", "/v1/embeddings", R"({"input":["ab","c"]})");
  ASSERT_THAT(engine_.submitted, SizeIs(2));
  engine_.embed(engine_.submitted[1], {0, 1, 0, 0});
  EXPECT_EQ(client_.answer().status, 0);
  engine_.embed(engine_.submitted[0], {1, 0, 0, 0});
  EXPECT_THAT(client_.answer().body, HasSubstr(R"({"index":0,"object":"embedding","embedding":[1,0,0,0]},)"
                                               R"({"index":1,"object":"embedding","embedding":[0,1,0,0]})"));
}

TEST_F(ApiEmbeddings, AreToldAsNumbersOrAsTheirBytes) {
  EXPECT_EQ(numbers(R"("use_activation":false)"), "[3,0,4,0]");
  EXPECT_EQ(numbers(R"("use_activation":false,"encoding_format":"base64")"), R"("AABAQAAAAAAAAIBAAAAAAA==")");
  EXPECT_EQ(numbers(R"("use_activation":false,"encoding_format":"base64","endianness":"big")"),
            R"("QEAAAAAAAABAgAAAAAAAAA==")");
  EXPECT_EQ(numbers(R"("use_activation":false,"encoding_format":"base64","embed_dtype":"float16")"),
            R"("AEIAAABEAAA=")");
  EXPECT_EQ(numbers(R"("use_activation":false,"encoding_format":"base64","embed_dtype":"bfloat16")"),
            R"("QEAAAIBAAAA=")");
}

TEST_F(ApiEmbeddings, AreCutOnlyWhereTheModelWasTrainedToBe) {
  EXPECT_EQ(embed_with(R"("dimensions":2)").status, 400);
  EXPECT_THAT(embed_with(R"("dimensions":2)").body, HasSubstr("does not support matryoshka representation"));
  model_.is_matryoshka = true;
  EXPECT_EQ(numbers(R"("dimensions":1)"), "[1]");
  EXPECT_EQ(numbers(R"("dimensions":3)"), "[0.6,0,0.8]");
  EXPECT_EQ(numbers(R"("dimensions":4)"), "[0.6,0,0.8,0]");
  for (const char* wrong : {"0", "-1", "5", "9223372036854775807"})
    EXPECT_EQ(embed_with(R"("dimensions":)" + std::string(wrong)).status, 400) << wrong;
  model_.matryoshka_dimensions = {1, 3, 8};
  EXPECT_EQ(numbers(R"("dimensions":3)"), "[0.6,0,0.8]");
  EXPECT_THAT(embed_with(R"("dimensions":2)").body, HasSubstr("only supports [1, 3, 8]"));
  EXPECT_EQ(embed_with(R"("dimensions":8)").status, 400) << "more than the model has";
}

TEST_F(ApiEmbeddings, RefuseWhatIsWrongBeforeTheEngineHearsOfIt) {
  const std::pair<const char*, const char*> cases[] = {
      {R"({})", "body.input"},
      {R"({"input":[]})", "input"},
      {R"({"input":[[]]})", "input"},
      {R"({"input":[-1]})", "body.input.0"},
      {R"({"input":[[1],[-1]]})", "body.input.1.0"},
      {R"({"input":[260]})", "out of vocabulary"},
      {R"({"input":"","add_special_tokens":false})", "cannot be empty"},
      {R"({"input":7})", "body.input"},
      {R"({"input":"a","encoding_format":"hex"})", "literal_error"},
      {R"({"input":"a","encoding_format":7})", "literal_error"},
      {R"({"input":"a","encoding_format":"bytes"})", "not supported"},
      {R"({"input":"a","embed_dtype":"int8"})", "literal_error"},
      {R"({"input":"a","embed_dtype":"fp8_e4m3"})", "not supported"},
      {R"({"input":"a","endianness":"middle"})", "Input should be 'native', 'big' or 'little'"},
      {R"({"input":"a","normalize":true})", "use_activation"},
      {R"({"input":"a","dimensions":"few"})", "body.dimensions"},
      {R"({"input":"a","cache_salt":""})", "cache_salt"},
      {R"({"input":"a","truncate_prompt_tokens":65})", "truncate_prompt_tokens"},
      {R"({"messages":[{"content":"a"}]})", "body.messages.0.role"},
      {R"([])", "valid dictionary"},
  };
  for (const auto& [body, says] : cases) {
    const HttpAnswer answer = post("/v1/embeddings", body);
    EXPECT_EQ(answer.status, 400) << body;
    EXPECT_THAT(answer.body, HasSubstr(says)) << body;
  }
  const HttpAnswer unknown = post("/v1/embeddings", R"({"input":"a","model":"other"})");
  EXPECT_EQ(unknown.status, 404);
  EXPECT_THAT(unknown.body, HasSubstr(R"("param":null)"));
  EXPECT_THAT(engine_.submitted, IsEmpty());
}

TEST_F(ApiEmbeddings, AreOfUpToTwoThousandAndFortyEightInputs) {
  const auto of = [](int count) {
    std::string inputs;
    for (int i = 0; i < count; ++i)
      inputs += i == 0 ? R"("a")" : R"(,"a")";
    return R"({"input":[)" + inputs + "]}";
  };
  EXPECT_EQ(embed(of(2048)).status, 200);
  EXPECT_EQ(embed(of(2049)).status, 400);
  // Embeddings of more numbers come in fewer at once.
  model_.hidden_size = 2048;
  EXPECT_THAT(post("/v1/embeddings", of(1025)).body, HasSubstr("more than 2097152 numbers"));
  EXPECT_THAT(engine_.submitted, IsEmpty());
  client_.send("POST", "/v1/embeddings", of(1024));
  EXPECT_THAT(engine_.submitted, SizeIs(1024));
}

TEST_F(ApiEmbeddings, TheWholeContextMayBeReadAndNoMore) {
  const auto of = [](std::size_t size) {
    return R"({"add_special_tokens":false,"input":")" + std::string(size, 'a') + R"("})";
  };
  EXPECT_EQ(embed(of(64)).status, 200);
  EXPECT_EQ(embed(of(65)).status, 400);
  EXPECT_THAT(embed(of(65)).body, HasSubstr("has 65 input tokens"));
  EXPECT_EQ(embed(of(1000)).status, 400);
}

TEST_F(ApiEmbeddings, AClientThatLeavesAbortsWhatHasNotEnded) {
  client_.send("POST", "/v1/embeddings", R"({"input":["a","b","c"]})");
  ASSERT_THAT(engine_.submitted, SizeIs(3));
  engine_.embed(engine_.submitted[1], {1, 0, 0, 0});
  loop_.poll();
  client_.leave();
  EXPECT_THAT(engine_.aborted, ElementsAre(engine_.submitted[0].id, engine_.submitted[2].id));
  EXPECT_EQ(api_.load(), 0);
}

TEST_F(ApiEmbeddings, AnEngineThatFailsIsAnInternalErrorAndOneThatStopsIsUnavailable) {
  client_.send("POST", "/v1/embeddings", R"({"input":"a"})");
  engine_.end(FinishReason::kError);
  EXPECT_EQ(client_.answer().status, 500);
  client_.send("POST", "/v1/embeddings", R"({"input":"a"})");
  engine_.end(FinishReason::kAborted);
  EXPECT_EQ(client_.answer().status, 503);
  client_.send("POST", "/v1/embeddings", R"({"input":"a"})");
  engine_.embed(engine_.submitted.back(), {1, std::numeric_limits<float>::quiet_NaN(), 0, 0});
  EXPECT_EQ(client_.answer().status, 500) << "a number that JSON cannot say";
  engine_.answer_to_submit = SubmitStatus::kQueueFull;
  EXPECT_EQ(post("/v1/embeddings", R"({"input":"a"})").status, 503);
}

TEST_F(ApiEmbeddings, CountAmongThePrompts) {
  embed(R"({"input":["ab","c"]})");
  const std::string metrics = get("/metrics").body;
  EXPECT_THAT(metrics, HasSubstr(R"(vllm:request_prompt_tokens_count{engine="0",model_name="m"} 2)"));
  EXPECT_THAT(metrics, HasSubstr(R"(vllm:request_prompt_tokens_sum{engine="0",model_name="m"} 5)"));
  EXPECT_THAT(metrics, HasSubstr(R"(vllm:request_params_max_tokens_count{engine="0",model_name="m"} 0)"));
}

class ApiWithMeans : public ApiFixture {
 protected:
  ApiWithMeans()
      : ApiFixture({.version = "1",
                    .prompt_tokens_details = true,
                    .tells_tokenizer = true,
                    .pooler = {.pooling = Pooling::kMean, .normalised = false}}) {}
};

TEST_F(ApiWithMeans, TheServersWayHoldsWhereTheRequestDoesNotSay) {
  engine_.cached_tokens = 1;
  client_.send("POST", "/v1/embeddings", R"({"input":"ab"})");
  EXPECT_EQ(engine_.submitted.back().pooling, Pooling::kMean);
  engine_.embed(engine_.submitted.back(), {3, 0, 4, 0});
  EXPECT_THAT(client_.answer().body, HasSubstr(R"("embedding":[3,0,4,0])"));
  client_.send("POST", "/v1/embeddings", R"({"input":"ab","use_activation":true})");
  engine_.embed(engine_.submitted.back(), {3, 0, 4, 0});
  const std::string body = client_.answer().body;
  EXPECT_THAT(body, HasSubstr(R"("embedding":[0.6,0,0.8,0])"));
  EXPECT_THAT(body, HasSubstr(R"("prompt_tokens_details":{"cached_tokens":1})"));
}

TEST_F(ApiWithMeans, TheTokenizerIsToldWhereItIsAskedFor) {
  model_.tokenizer_info.set("tokenizer_class", "T");
  model_.tokenizer_info.set("chat_template", "{{ x }}");
  EXPECT_EQ(get("/tokenizer_info").body, R"({"tokenizer_class":"T","chat_template":"{{ x }}"})");
}

TEST_F(ApiFixture, TheTokenizerIsNotToldUnasked) {
  EXPECT_EQ(get("/tokenizer_info").status, 404);
}

}  // namespace
}  // namespace sluice::worker
