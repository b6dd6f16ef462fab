#include "filters/usage/usage_filter.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "tests/filters/exchange_rig.h"

namespace sluice::test {
namespace {

using std::chrono::milliseconds;

// Three content events (one of several data lines, one with characters of 2, 3 and 4 bytes), comments, a
// named field, the usage frame and the end; line ends of the caller's choice.
std::string chat_stream(std::string_view eol, bool bom) {
  const std::vector<std::string> lines{
      ": keep-alive",
      "",
      "data: {\"choices\":[{\"delta\":{\"content\":\"caf\xc3\xa9 \xe6\x97\xa5 \xf0\x9f\x98\x80\"}}]}",
      "",  //
      "id: 7",
      "data: {\"choices\":[{\"delta\":",
      "data: {\"content\":\"two lines\"}}]}",
      "",
      "data:{\"choices\":[{\"delta\":{}}]}",
      "",  //
      "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":11,\"completion_tokens\":3,\"total_tokens\":14}}",
      "",
      "data: [DONE]",
      ""};
  std::string out = bom ? "\xef\xbb\xbf" : "";
  for (const std::string& line : lines)
    out.append(line).append(eol);
  return out;
}

class UsageFilterTest : public ::testing::Test {
 protected:
  UsageFilterTest() : gaps_(metrics_.histogram("gaps", "", {}, kTokenGapBuckets)) {}

  ExchangeRig& run(ExchangeScript script) {
    chain_ = chain_of<Exchange>(
        std::make_unique<UsageFilter>(t_.loop, UsageFilter::GapHistograms{{nullptr, &gaps_}}), script);
    rig_.emplace(t_, one_route(std::move(script)), request_head(Method::kPost, "/v1/x"));
    rig_->run(chain_);
    t_.turn();
    return *rig_;
  }
  ExchangeRig& relay(std::string_view content_type, std::vector<std::string> pieces) {
    return run([content_type, pieces](Exchange&, ResponseWriter& out) {
      return answer(out, answer_head(content_type), pieces);
    });
  }
  // Writes each piece when the loop is next advanced by the time that goes with it.
  ExchangeScript timed(std::string content_type, std::vector<std::pair<Duration, std::string>> pieces) {
    return [this, content_type, pieces](Exchange&, ResponseWriter& out) -> Task<Result<void>> {
      (void)co_await out.start(answer_head(content_type));
      for (const auto& [after, piece] : pieces) {
        co_await sleep_until(t_.loop, t_.loop.now() + after);
        (void)co_await out.write(piece);
      }
      co_return co_await out.finish({});
    };
  }
  const ExchangeRecord& record() { return rig_->exchange.record; }

  TestLoop t_;
  Metrics metrics_;
  Histogram& gaps_;
  ExchangeChain chain_;
  std::optional<ExchangeRig> rig_;
};

TEST_F(UsageFilterTest, AStreamCutAtAnyByteIsRelayedByteForByteAndCountedAlike) {
  for (const std::string_view eol : {"\n", "\r\n", "\r"}) {
    for (const bool bom : {false, true}) {
      const std::string stream = chat_stream(eol, bom);
      for (std::size_t cut = 0; cut <= stream.size(); ++cut) {
        relay("text/event-stream", {stream.substr(0, cut), stream.substr(cut)});
        ASSERT_EQ(rig_->client.body(), stream);
        ASSERT_EQ(record().content_events, 3u) << cut;
        ASSERT_EQ(record().usage, (llm::Usage{11, 3, 14, 0})) << cut;
      }
    }
  }
}

TEST_F(UsageFilterTest, AStreamThatComesByteForByteIsCountedAlike) {
  for (const std::string_view eol : {"\n", "\r\n", "\r"}) {
    const std::string stream = chat_stream(eol, true);
    std::vector<std::string> bytes;
    for (const char c : stream)
      bytes.emplace_back(1, c);
    relay("text/event-stream; charset=utf-8", bytes);
    EXPECT_EQ(rig_->client.body(), stream);
    EXPECT_EQ(record().content_events, 3u);
    EXPECT_EQ(record().usage, (llm::Usage{11, 3, 14, 0}));
  }
}

TEST_F(UsageFilterTest, UsageOfAStreamThatIsCutIsTheLastOneGiven) {
  const ExchangeScript script = [](Exchange&, ResponseWriter& out) -> Task<Result<void>> {
    (void)co_await out.start(answer_head("text/event-stream"));
    for (const char* tokens : {"1", "2"}) {
      const std::string event =
          "data: {\"choices\":[{}],\"usage\":{\"prompt_tokens\":5,\"completion_tokens\":" +
          std::string(tokens) + "}}\n\n";
      (void)co_await out.write(event);
    }
    co_return fail(ErrorKind::kUpstreamCut, "cut");
  };
  run(script);
  EXPECT_EQ(record().usage, (llm::Usage{5, 2, 7, 0}));
  EXPECT_EQ(record().content_events, 2u);
}

TEST_F(UsageFilterTest, TheUsageOfAJsonAnswerIsFoundHoweverItIsCut) {
  const std::string body =
      "{\"choices\":[{\"message\":{\"content\":\"\\\"usage\\\": \xc3\xa9\"}}],"
      "\"usage\":{\"prompt_tokens\":20,\"completion_tokens\":4,\"total_tokens\":24,"
      "\"prompt_tokens_details\":{\"cached_tokens\":16}}}";
  for (std::size_t cut = 0; cut <= body.size(); ++cut) {
    relay("application/json", {body.substr(0, cut), body.substr(cut)});
    ASSERT_EQ(record().usage, (llm::Usage{20, 4, 24, 16})) << cut;
    ASSERT_EQ(rig_->client.body(), body);
  }
}

TEST_F(UsageFilterTest, AnAnswerWithoutUsageHasNone) {
  relay("application/json", {"{\"data\":[]}"});
  EXPECT_EQ(record().usage, std::nullopt);
  relay("application/json", {"not json at all"});
  EXPECT_EQ(record().usage, std::nullopt);
  relay("text/event-stream", {"data: {\"choices\":[{}],\"usage\":null}\n\n"});
  EXPECT_EQ(record().usage, std::nullopt);
  relay("text/plain", {"{\"usage\":{\"prompt_tokens\":1}}"});
  EXPECT_EQ(record().usage, std::nullopt);
}

TEST_F(UsageFilterTest, ACompressedAnswerPassesUnread) {
  ResponseHead head = answer_head("text/event-stream");
  head.headers.add("content-encoding", "gzip");
  run([head](Exchange&, ResponseWriter& out) { return answer(out, head, {chat_stream("\n", false)}); });
  EXPECT_EQ(rig_->client.body(), chat_stream("\n", false));
  EXPECT_EQ(record().usage, std::nullopt);
  EXPECT_EQ(record().content_events, 0u);
}

TEST_F(UsageFilterTest, TheFirstTokenAndTheGapsAreTimedByContentAndNotByComments) {
  const std::string event = "data: {\"choices\":[{}]}\n\n";
  run(timed("text/event-stream", {{milliseconds(100), ": still here\n\n"},
                                  {milliseconds(100), event},
                                  {milliseconds(50), ": still here\n\n"},
                                  {milliseconds(50), event},
                                  {milliseconds(30), event + event}}));
  for (int i = 0; i < 60; ++i)
    t_.advance(milliseconds(10));
  ASSERT_TRUE(rig_->finished());
  const Duration first = *record().first_content_at - record().received_at;
  EXPECT_NEAR(static_cast<double>(first / milliseconds(1)), 200, 20);
  EXPECT_NEAR(static_cast<double>(record().longest_gap / milliseconds(1)), 100, 20);
  EXPECT_EQ(record().content_events, 4u);
  EXPECT_EQ(gaps_.count(), 2u);
}

TEST_F(UsageFilterTest, PiecesOfAJsonBodyAreNoGapsBetweenTokens) {
  run(timed("application/json", {{milliseconds(10), "{\"a\":"}, {milliseconds(500), "1}"}}));
  for (int i = 0; i < 60; ++i)
    t_.advance(milliseconds(10));
  ASSERT_TRUE(rig_->finished());
  EXPECT_EQ(gaps_.count(), 0u);
  EXPECT_EQ(record().longest_gap, Duration::zero());
  EXPECT_TRUE(record().first_content_at);
}

}  // namespace
}  // namespace sluice::test
