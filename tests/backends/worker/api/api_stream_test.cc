#include "tests/backends/worker/api/api_fixture.h"

namespace sluice::worker {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

class ApiStream : public ApiFixture {
 protected:
  // The frames that came since the last look, without "data: ".
  std::vector<std::string> frames() {
    const std::string body = plain(client_.answer().body);
    std::vector<std::string> frames;
    for (std::size_t end; (end = body.find("\n\n", seen_)) != std::string::npos; seen_ = end + 2) {
      EXPECT_EQ(body.substr(seen_, 6), "data: ");
      frames.push_back(body.substr(seen_ + 6, end - seen_ - 6));
    }
    EXPECT_EQ(seen_, body.size());
    return frames;
  }
  void start(std::string_view path, std::string_view body) {
    seen_ = 0;
    client_.send("POST", path, body);
  }
  static std::string chat(std::string_view rest) {
    return R"({"id":"chatcmpl-r","object":"chat.completion.chunk","created":3600000,"model":"m","choices":[)" +
           std::string(rest);
  }
  static std::string text(std::string_view rest) {
    return R"({"id":"cmpl-r","object":"text_completion","created":3600000,"model":"m","choices":[)" +
           std::string(rest);
  }

  std::size_t seen_ = 0;
};

TEST_F(ApiStream, TheHeadComesBeforeTheFirstToken) {
  start("/v1/chat/completions", R"({"messages":[],"stream":true,"request_id":"r"})");
  const HttpAnswer answer = client_.answer();
  EXPECT_EQ(answer.status, 200);
  EXPECT_THAT(answer.head, HasSubstr("content-type: text/event-stream; charset=utf-8\r\n"));
  EXPECT_EQ(answer.body, "");
}

TEST_F(ApiStream, AChatIsARoleThenTokensThenAnEndThenDone) {
  start("/v1/chat/completions", R"({"messages":[],"stream":true,"request_id":"r"})");
  engine_.say("H");
  EXPECT_THAT(
      frames(),
      ElementsAre(
          chat(
              R"({"index":0,"delta":{"role":"assistant","content":""},"logprobs":null,"finish_reason":null}],)"
              R"("prompt_token_ids":null,"prompt_text":null})"),
          chat(
              R"({"index":0,"delta":{"content":"H"},"logprobs":null,"finish_reason":null,"token_ids":null}]})")));
  engine_.say("i");
  EXPECT_THAT(frames(), ElementsAre(chat(R"({"index":0,"delta":{"content":"i"},"logprobs":null,)"
                                         R"("finish_reason":null,"token_ids":null}]})")));
  engine_.say({kEndToken}, FinishReason::kStop);
  EXPECT_THAT(
      frames(),
      ElementsAre(chat(R"({"index":0,"delta":{"content":""},"logprobs":null,"finish_reason":"stop",)"
                       R"("stop_reason":null,"token_ids":null}],"system_fingerprint":"sluice-1.2.3-F"})"),
                  "[DONE]"));
  EXPECT_TRUE(client_.answer().complete);
}

TEST_F(ApiStream, TheUsageComesLastWhereItIsAskedFor) {
  start("/v1/chat/completions",
        R"({"messages":[],"stream":true,"stream_options":{"include_usage":true},"request_id":"r"})");
  engine_.say("Hi", FinishReason::kLength);
  const auto got = frames();
  ASSERT_EQ(got.size(), 4u);
  EXPECT_THAT(got[1], Not(HasSubstr("usage")));
  EXPECT_THAT(got[1], Not(HasSubstr("system_fingerprint")));
  EXPECT_EQ(got[2], chat(R"(],"usage":{"prompt_tokens":1,"total_tokens":3,"completion_tokens":2},)"
                         R"("system_fingerprint":"sluice-1.2.3-F"})"));
}

TEST_F(ApiStream, TheUsageRunsAlongWhereItIsAskedFor) {
  start(
      "/v1/chat/completions",
      R"({"messages":[],"stream":true,"stream_options":{"include_usage":true,"continuous_usage_stats":true}})");
  engine_.say("ab");
  engine_.say("c", FinishReason::kLength);
  std::vector<std::string> usages;
  for (const std::string& frame : frames()) {
    const std::size_t at = frame.find("\"completion_tokens\":");
    if (at != std::string::npos) usages.push_back(frame.substr(at + 20, 1));
  }
  EXPECT_THAT(usages, ElementsAre("0", "3", "3"));
}

TEST_F(ApiStream, RunningUsageAloneIsNoUsage) {
  for (const char* options : {R"({"continuous_usage_stats":true})", "{}", "null"}) {
    start("/v1/completions", std::string(R"({"prompt":"a","stream":true,"stream_options":)") + options + "}");
    engine_.say("a", FinishReason::kLength);
    for (const std::string& frame : frames())
      EXPECT_THAT(frame, Not(HasSubstr("usage"))) << options;
  }
}

TEST_F(ApiStream, ACompletionIsTokensThenAnEndThenDone) {
  start("/v1/completions", R"({"prompt":"a","stream":true,"request_id":"r"})");
  engine_.say("H");
  EXPECT_THAT(frames(),
              ElementsAre(text(R"({"index":0,"text":"H","logprobs":null,"finish_reason":null,)"
                               R"("stop_reason":null,"prompt_token_ids":null,"token_ids":null}]})")));
  engine_.say("i", FinishReason::kLength);
  EXPECT_THAT(frames(), ElementsAre(text(R"({"index":0,"text":"i","logprobs":null,"finish_reason":"length",)"
                                         R"("stop_reason":null,"prompt_token_ids":null,"token_ids":null}],)"
                                         R"("system_fingerprint":"sluice-1.2.3-F"})"),
                                    "[DONE]"));
}

TEST_F(ApiStream, TokensThatComeTogetherAreOneFrame) {
  start("/v1/completions", R"({"prompt":"a","stream":true,"echo":true})");
  engine_.say("b");
  engine_.say("c");
  const auto got = frames();
  ASSERT_EQ(got.size(), 1u);
  EXPECT_THAT(got[0], HasSubstr(R"("text":"abc")"));
}

TEST_F(ApiStream, PromptIdsComeInTheFirstFrameAndTokenIdsInEach) {
  start("/v1/completions", R"({"prompt":[1,2],"stream":true,"return_token_ids":true})");
  engine_.say("b");
  EXPECT_THAT(frames()[0], HasSubstr(R"("prompt_token_ids":[1,2],"token_ids":[98])"));
  engine_.say("c");
  EXPECT_THAT(frames()[0], HasSubstr(R"("prompt_token_ids":null,"token_ids":[99])"));
  client_.leave();
}

TEST_F(ApiStream, AChatSaysThePromptIdsWithTheRole) {
  start("/v1/chat/completions", R"({"messages":[],"stream":true,"return_token_ids":true})");
  engine_.say("b");
  const auto got = frames();
  EXPECT_THAT(got[0], HasSubstr(R"("prompt_token_ids":[62])"));
  EXPECT_THAT(got[1], HasSubstr(R"("token_ids":[98])"));
}

TEST_F(ApiStream, HeldBackTextMakesAnEmptyFrameAndIsNotLost) {
  start("/v1/completions", R"({"prompt":"a","stream":true,"stop":["<end>"]})");
  const auto text_of = [](const std::string& frame) {
    const std::size_t begin = frame.find("\"text\":\"") + 8;
    return frame.substr(begin, frame.find('"', begin) - begin);
  };
  std::vector<std::string> texts;
  for (const char c : std::string_view("x<en<end>y")) {
    engine_.say({c});
    for (const std::string& frame : frames())
      if (frame != "[DONE]") texts.push_back(text_of(frame));
    if (client_.answer().complete) break;
  }
  EXPECT_THAT(texts, ElementsAre("x", "", "", "", "<en", "", "", "", ""));
  EXPECT_THAT(client_.answer().body, HasSubstr(R"("finish_reason":"stop","stop_reason":"<end>")"));
}

TEST_F(ApiStream, ACharacterIsNeverCut) {
  start("/v1/completions", R"({"prompt":"a","stream":true})");
  std::string whole;
  for (const char c : std::string_view("\xe2\x82\xac\xf0\x9f\x98\x80")) {
    engine_.say({static_cast<unsigned char>(c)});
    for (const std::string& frame : frames()) {
      EXPECT_THAT(frame, Not(HasSubstr("\xef\xbf\xbd")));
      whole += frame;
    }
  }
  EXPECT_THAT(whole, HasSubstr("\"text\":\"\xe2\x82\xac\""));
  EXPECT_THAT(whole, HasSubstr("\"text\":\"\xf0\x9f\x98\x80\""));
}

TEST_F(ApiStream, AClientThatDoesNotReadHoldsUpOnlyItself) {
  HttpClient stuck(loop_, api_);
  stuck.send("POST", "/v1/completions", R"({"prompt":"a","stream":true,"max_tokens":62})");
  ASSERT_EQ(engine_.submitted.size(), 1u);
  // Far more than its connection takes.
  for (int i = 0; i < 2000; ++i) {
    engine_.say_to(engine_.submitted[0], {'x'});
    loop_.poll();
  }
  start("/v1/completions", R"({"prompt":"a","stream":true})");
  engine_.say("b", FinishReason::kLength);
  EXPECT_EQ(frames().back(), "[DONE]");
  engine_.say_to(engine_.submitted[0], {'y'}, FinishReason::kLength);
  const HttpAnswer late = stuck.answer();
  EXPECT_TRUE(late.complete);
  std::size_t text_size = 0;
  for (std::size_t at = 0; (at = late.body.find("\"text\":\"", at)) != std::string::npos; ++at)
    text_size += late.body.find('"', at + 8) - (at + 8);
  EXPECT_EQ(text_size, 2001u);
}

}  // namespace
}  // namespace sluice::worker
