#include "filters/record/record_filter.h"

#include <gtest/gtest.h>

#include "tests/filters/exchange_rig.h"

namespace sluice::test {
namespace {

class RecordFilterTest : public ::testing::Test {
 protected:
  // Runs an exchange whose inner side is the script, to where it waits.
  ExchangeRig& run(ExchangeScript script) {
    chain_ = chain_of<Exchange>(std::make_unique<RecordFilter>(t_.loop, sink_), script);
    rig_.emplace(t_, one_route(std::move(script)), request_head(Method::kPost, "/v1/x"));
    rig_->run(chain_);
    t_.turn();
    return *rig_;
  }
  const ExchangeRecord& record() { return sink_.records.at(0); }

  TestLoop t_;
  RecordSink sink_;
  ExchangeChain chain_;
  std::optional<ExchangeRig> rig_;
};

TEST_F(RecordFilterTest, AnAnswerCarriesTheRequestsIdAndVia) {
  ResponseHead head = answer_head("text/plain");
  head.headers.add("x-request-id", "the backend's");
  head.headers.add("via", "1.1 inner");
  const ExchangeRig& r =
      run([&](Exchange&, ResponseWriter& out) { return answer(out, std::move(head), {"one", "three"}); });
  EXPECT_EQ(r.client.head().headers.get("x-request-id"), "request-1");
  EXPECT_EQ(r.client.head().headers.count(HeaderId::kXRequestId), 1u);
  EXPECT_EQ(r.client.head().headers.get("via"), "1.1 inner, 1.1 sluice");
  EXPECT_EQ(record().status, 200);
  EXPECT_EQ(record().error, std::nullopt);
  EXPECT_EQ(record().response_bytes, 8u);
  EXPECT_EQ(record().state, ExchangeState::kDone);
}

TEST_F(RecordFilterTest, AnErrorBecomesAnAnswerInTheOpenAiShape) {
  const ExchangeRig& r = run([](Exchange&, ResponseWriter&) -> Task<Result<void>> {
    return Result<void>(fail(ErrorKind::kConnectFailed, "connect to 10.0.0.9:1: refused"));
  });
  EXPECT_TRUE(r.outcome());
  EXPECT_EQ(r.client.status(), 503);
  EXPECT_EQ(r.client.head().headers.get("content-type"), "application/json");
  EXPECT_EQ(r.client.head().headers.get("x-request-id"), "request-1");
  EXPECT_NE(r.client.body().find("\"code\":\"upstream_unavailable\""), std::string::npos);
  EXPECT_EQ(r.client.body().find("10.0.0.9"), std::string::npos) << "backends are the operator's";
  EXPECT_EQ(record().status, 503);
  EXPECT_EQ(record().error, ErrorKind::kConnectFailed);
  EXPECT_EQ(record().error_detail, "connect to 10.0.0.9:1: refused");
}

TEST_F(RecordFilterTest, AClientThatLeavesBeforeAnyAnswerIsRecordedWith499) {
  Signal never(t_.loop);
  ExchangeRig& r = run([&](Exchange&, ResponseWriter&) -> Task<Result<void>> {
    co_await never.wait();
    co_return Result<void>();
  });
  t_.advance(std::chrono::seconds(3));
  EXPECT_TRUE(sink_.records.empty());
  r.cancel();
  ASSERT_EQ(sink_.records.size(), 1u);
  EXPECT_EQ(record().status, 499);
  EXPECT_EQ(record().error, ErrorKind::kClientGone);
  EXPECT_EQ(record().ended_at.value() - record().received_at, std::chrono::seconds(3));
}

TEST_F(RecordFilterTest, AClientThatLeavesAmidAnAnswerKeepsItsStatus) {
  Signal never(t_.loop);
  ExchangeRig& r = run([&](Exchange&, ResponseWriter& out) -> Task<Result<void>> {
    (void)co_await out.start(answer_head("text/event-stream"));
    (void)co_await out.write("data: x\n\n");
    co_await never.wait();
    co_return Result<void>();
  });
  r.cancel();
  EXPECT_EQ(record().status, 200);
  EXPECT_EQ(record().error, ErrorKind::kClientGone);
  EXPECT_EQ(record().response_bytes, 9u);
}

TEST_F(RecordFilterTest, AnAnswerThatEndedIsNoDepartureWhateverHappensToTheClientThen) {
  run([](Exchange&, ResponseWriter& out) { return answer_ok(out); }).cancel();
  ASSERT_EQ(sink_.records.size(), 1u);
  EXPECT_EQ(record().error, std::nullopt);
  EXPECT_EQ(record().status, 200);
}

// An error after the pieces of an event stream were sent.
ExchangeScript cut_after(ResponseHead head, std::vector<std::string> pieces) {
  return [head, pieces](Exchange&, ResponseWriter& out) -> Task<Result<void>> {
    (void)co_await out.start(head);
    for (const std::string& piece : pieces)
      (void)co_await out.write(piece);
    co_return fail(ErrorKind::kUpstreamCut, "the backend closed");
  };
}

constexpr std::string_view kErrorEvent = "data: {\"error\":{";

TEST_F(RecordFilterTest, AnErrorAfterContentOfAStreamIsAnEventAndThenACut) {
  const ExchangeRig& r = run(cut_after(answer_head("text/event-stream"), {"data: x\n\n"}));
  ASSERT_EQ(r.client.writes().size(), 2u);
  EXPECT_TRUE(r.client.writes()[1].starts_with(kErrorEvent));
  EXPECT_TRUE(r.client.writes()[1].ends_with("}}\n\n"));
  EXPECT_EQ(r.error(), ErrorKind::kUpstreamCut);
  EXPECT_EQ(r.client.finishes(), 0);
  EXPECT_EQ(r.client.body().find("[DONE]"), std::string::npos);
  EXPECT_EQ(record().status, 200);
  EXPECT_EQ(record().error, ErrorKind::kUpstreamCut);
}

TEST_F(RecordFilterTest, AnErrorEventFollowsEveryWayToEndAnEvent) {
  for (const std::vector<std::string>& pieces : {std::vector<std::string>{"data: x\n\n"},
                                                 {"data: x\n", "\n"},
                                                 {"data: x\r\n\r\n"},
                                                 {"data: x\r\n\r", "\n"},
                                                 {"data: x\r", "\n", "\r", "\n"},
                                                 {"data: x\r\r"},
                                                 {"data: x\n\r\n"},
                                                 {": a comment\n\n"}}) {
    const ExchangeRig& r = run(cut_after(answer_head("text/event-stream"), pieces));
    EXPECT_TRUE(r.client.writes().back().starts_with(kErrorEvent)) << ::testing::PrintToString(pieces);
  }
}

TEST_F(RecordFilterTest, InTheMiddleOfAnEventThereIsOnlyTheCut) {
  for (const std::vector<std::string>& pieces : {std::vector<std::string>{"data: {\"par"},
                                                 {"data: x\n"},
                                                 {"data: x\r\n"},
                                                 {"data: x\n\nda"},
                                                 {"\n\n", "d"}}) {
    const ExchangeRig& r = run(cut_after(answer_head("text/event-stream"), pieces));
    EXPECT_EQ(r.client.writes(), pieces);
    EXPECT_EQ(r.error(), ErrorKind::kUpstreamCut);
  }
}

TEST_F(RecordFilterTest, NothingIsAddedToAnswersThatAreNoPlainEventStream) {
  ResponseHead compressed = answer_head("text/event-stream");
  compressed.headers.add("content-encoding", "gzip");
  for (const ResponseHead& head : {compressed, answer_head("application/json")}) {
    const ExchangeRig& r = run(cut_after(head, {"{\"a\":\n\n"}));
    EXPECT_EQ(r.client.body(), "{\"a\":\n\n");
    EXPECT_EQ(r.error(), ErrorKind::kUpstreamCut);
  }
}

TEST_F(RecordFilterTest, AWrongMethodIsToldTheRightOnes) {
  RouteRule rule;
  rule.methods = {Method::kPost, Method::kGet};
  const ExchangeScript script = [](Exchange& e, ResponseWriter&) -> Task<Result<void>> {
    return Result<void>(fail(e.head_match.error()));
  };
  std::vector<Route> routes;
  routes.push_back(scripted_route("one", rule, script));
  chain_ = chain_of<Exchange>(std::make_unique<RecordFilter>(t_.loop, sink_), script);
  ExchangeRig r(t_, std::make_shared<const RouteTable>(std::move(routes)), request_head(Method::kPut, "/x"));
  r.run(chain_);
  t_.turn();
  EXPECT_EQ(r.client.status(), 405);
  EXPECT_EQ(r.client.head().headers.get("allow"), "GET, POST");
}

}  // namespace
}  // namespace sluice::test
