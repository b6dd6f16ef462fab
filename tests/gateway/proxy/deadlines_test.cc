// Every wait ends: by which limit, and what the client is told.

#include <gtest/gtest.h>

#include "tests/support/memory_gateway.h"

namespace sluice::test {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

const std::string kChat = post("/v1/chat/completions", "{\"model\":\"m\",\"stream\":true}");

class DeadlinesTest : public ::testing::Test {
 protected:
  void build(GatewayPlan plan) {
    gateway_.emplace(std::move(plan));
    client_.emplace(gateway_->connect());
  }
  static GatewayPlan plan(RouteTimeouts timeouts, std::uint32_t attempts = 1) {
    return {.routes = {{.timeouts = timeouts, .attempts = attempts}}};
  }
  void take_backend() {
    backend_ = gateway_->network.take("one:1");
    ASSERT_NE(backend_, nullptr);
  }
  // Nothing happens until shortly before; after it the client is told, and the backend is let go.
  Answer expect_ends_after(Duration limit, int status, ErrorKind kind) {
    gateway_->t.advance(limit - milliseconds(20));
    EXPECT_TRUE(gateway_->sink.records.empty()) << "too soon";
    gateway_->t.advance(milliseconds(40));
    EXPECT_EQ(gateway_->sink.records.size(), 1u) << "too late";
    if (backend_) EXPECT_TRUE(backend_->closed_by_gateway());
    EXPECT_EQ(gateway_->leftovers(), "");
    if (gateway_->sink.records.empty()) return {};
    EXPECT_EQ(gateway_->sink.records[0].status, status);
    EXPECT_EQ(gateway_->sink.records[0].error, kind);
    const Answer answer = first_answer(client_->receive());
    EXPECT_EQ(answer.status, status);
    return answer;
  }

  std::optional<MemoryGateway> gateway_;
  std::optional<TestClient> client_;
  std::unique_ptr<BackendEnd> backend_;
};

TEST_F(DeadlinesTest, TheTotalBoundsTheReadingOfABody) {
  GatewayPlan p = plan({.total = seconds(3)});
  p.limits.min_body_rate = 0;
  build(p);
  client_->send("POST /v1/x HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\n{");
  EXPECT_TRUE(expect_ends_after(seconds(3), 504, ErrorKind::kDeadlineExceeded).complete);
}

TEST_F(DeadlinesTest, TheFirstContentTimeBoundsTheWaitForAConnection) {
  GatewayPlan p = plan({.first_content = seconds(5)});
  p.clusters[0].pool.max_connections = 1;
  build(p);
  TestClient other = gateway_->connect();
  other.send(kChat);
  auto others = gateway_->network.take("one:1");
  gateway_->t.advance(seconds(1));
  client_->send(kChat);
  others->send(event_stream_head() + content_event("a"));
  gateway_->t.turn();
  gateway_->t.advance(milliseconds(4980));
  EXPECT_TRUE(gateway_->sink.records.empty());
  gateway_->t.advance(milliseconds(40));
  ASSERT_EQ(gateway_->sink.records.size(), 1u);
  EXPECT_EQ(gateway_->sink.records[0].error, ErrorKind::kOverloaded);
  EXPECT_EQ(first_answer(client_->receive()).status, 503);
  EXPECT_EQ(first_answer(client_->received()).header("retry-after"), "1");
}

TEST_F(DeadlinesTest, TheConnectTimeBoundsAConnect) {
  build(plan({.connect = milliseconds(500)}));
  gateway_->network.set_mode("one:1", MemoryNetwork::Mode::kHold);
  client_->send(kChat);
  EXPECT_TRUE(expect_ends_after(milliseconds(500), 504, ErrorKind::kConnectTimeout).complete);
}

TEST_F(DeadlinesTest, TheFirstContentTimeBoundsTheWaitForTheHead) {
  build(plan({.first_content = seconds(5)}));
  client_->send(kChat);
  take_backend();
  EXPECT_TRUE(expect_ends_after(seconds(5), 504, ErrorKind::kUpstreamTimeout).complete);
}

TEST_F(DeadlinesTest, AStreamWhoseFirstTokenDoesNotComeIsStillAWholeErrorAnswer) {
  build(plan({.first_content = seconds(5)}));
  client_->send(kChat);
  take_backend();
  backend_->send(event_stream_head());
  gateway_->t.turn();
  const Answer answer = expect_ends_after(seconds(5), 504, ErrorKind::kUpstreamTimeout);
  EXPECT_TRUE(answer.complete);
  EXPECT_EQ(answer.header("content-type"), "application/json");
}

TEST_F(DeadlinesTest, AStalledStreamIsCutBehindAnErrorEvent) {
  build(plan({.between_tokens = seconds(2)}));
  client_->send(kChat);
  take_backend();
  backend_->send(event_stream_head() + content_event("a"));
  gateway_->t.turn();
  const Answer answer = expect_ends_after(seconds(2), 200, ErrorKind::kUpstreamTimeout);
  EXPECT_FALSE(answer.complete);
  EXPECT_NE(answer.body.find("data: {\"error\":{"), std::string::npos);
  EXPECT_EQ(answer.body.find("[DONE]"), std::string::npos);
  EXPECT_TRUE(client_->at_end());
}

TEST_F(DeadlinesTest, TheTimeBetweenTokensBeginsAnewWithEachToken) {
  build(plan({.between_tokens = seconds(2)}));
  client_->send(kChat);
  take_backend();
  backend_->send(event_stream_head() + content_event("a"));
  for (int i = 0; i < 10; ++i) {
    gateway_->t.advance(milliseconds(1900));
    backend_->send(content_event("b"));
    gateway_->t.turn();
  }
  EXPECT_TRUE(gateway_->sink.records.empty());
  expect_ends_after(seconds(2), 200, ErrorKind::kUpstreamTimeout);
}

TEST_F(DeadlinesTest, TheTimeASlowClientTakesIsNotHeldAgainstTheBackend) {
  GatewayPlan p = plan({.between_tokens = seconds(2)});
  p.client_capacity = 1024;
  build(p);
  client_->send(kChat);
  take_backend();
  backend_->send(event_stream_head() + content_event(std::string(3000, 'a')));
  gateway_->t.advance(seconds(30));
  EXPECT_TRUE(gateway_->sink.records.empty());
  client_->receive();
  gateway_->t.advance(milliseconds(1900));
  EXPECT_TRUE(gateway_->sink.records.empty()) << "counted from when the client was ready again";
  backend_->send(std::string(kLastChunk));
  EXPECT_TRUE(first_answer(client_->receive()).complete);
}

TEST_F(DeadlinesTest, TheTotalCutsAStreamThatNeverEnds) {
  build(plan({.between_tokens = seconds(2), .total = seconds(10)}));
  client_->send(kChat);
  take_backend();
  backend_->send(event_stream_head() + content_event("a"));
  gateway_->t.turn();
  for (int i = 0; i < 9; ++i) {
    gateway_->t.advance(seconds(1));
    backend_->send(content_event("b"));
    gateway_->t.turn();
  }
  const Answer answer = expect_ends_after(seconds(1), 200, ErrorKind::kDeadlineExceeded);
  EXPECT_FALSE(answer.complete);
  EXPECT_NE(answer.body.find("deadline_exceeded"), std::string::npos);
}

TEST_F(DeadlinesTest, TheTotalBeforeTheFirstTokenIsAWholeAnswer) {
  build(plan({.total = seconds(10)}));
  client_->send(kChat);
  take_backend();
  backend_->send(event_stream_head());
  gateway_->t.turn();
  EXPECT_TRUE(expect_ends_after(seconds(10), 504, ErrorKind::kDeadlineExceeded).complete);
}

TEST_F(DeadlinesTest, TheTotalCutsASlowClientInTheMiddleOfAPieceAndAddsNothingToIt) {
  GatewayPlan p = plan({.total = seconds(10)});
  p.client_capacity = 1024;
  build(p);
  client_->send(kChat);
  take_backend();
  backend_->send(event_stream_head() + content_event(std::string(3000, 'a')));
  gateway_->t.turn();
  gateway_->t.advance(milliseconds(10'020));
  EXPECT_TRUE(backend_->closed_by_gateway());
  ASSERT_EQ(gateway_->sink.records.size(), 1u);
  EXPECT_EQ(gateway_->sink.records[0].error, ErrorKind::kDeadlineExceeded);
  const Answer answer = first_answer(client_->receive());
  EXPECT_FALSE(answer.complete);
  EXPECT_EQ(client_->received().find("error"), std::string::npos) << "an event inside another one's chunk";
  EXPECT_TRUE(client_->at_end());
  EXPECT_EQ(gateway_->leftovers(), "");
}

TEST_F(DeadlinesTest, AClientThatTakesNoByteForTheWriteTimeIsCut) {
  GatewayPlan p = plan({});
  p.client_capacity = 1024;
  p.limits.write_timeout = seconds(7);
  build(p);
  client_->send(kChat);
  take_backend();
  backend_->send(event_stream_head() + content_event(std::string(3000, 'a')));
  gateway_->t.turn();
  gateway_->t.advance(milliseconds(6980));
  EXPECT_TRUE(gateway_->sink.records.empty());
  gateway_->t.advance(milliseconds(40));
  ASSERT_EQ(gateway_->sink.records.size(), 1u);
  EXPECT_EQ(gateway_->sink.records[0].error, ErrorKind::kClientGone);
  EXPECT_TRUE(backend_->closed_by_gateway());
  EXPECT_EQ(gateway_->leftovers(), "");
  EXPECT_FALSE(first_answer(client_->receive()).complete);
  EXPECT_TRUE(client_->at_end());
}

TEST_F(DeadlinesTest, ABackendThatTakesNothingOfTheRequestEndsAtTheFirstContentTime) {
  build(plan({.first_content = seconds(5)}));
  gateway_->network.set_capacity(1024);
  client_->send(post("/v1/x", std::string(20'000, 'x')));
  take_backend();
  EXPECT_TRUE(expect_ends_after(seconds(5), 504, ErrorKind::kUpstreamTimeout).complete);
}

}  // namespace
}  // namespace sluice::test
