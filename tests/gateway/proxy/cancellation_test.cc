// The client leaves: whatever its exchange waits for, the backend hears of it in the same loop turn.

#include <gtest/gtest.h>

#include "tests/support/memory_gateway.h"

namespace sluice::test {
namespace {

const std::string kChat = post("/v1/chat/completions", "{\"model\":\"m\",\"stream\":true}");

class CancellationTest : public ::testing::Test {
 protected:
  void build(GatewayPlan plan) {
    gateway_.emplace(std::move(plan));
    client_.emplace(gateway_->connect());
  }
  void SetUp() override { build({}); }

  // The exchange waits for this, and the gateway holds no read buffer while it does.
  void expect_waiting(ExchangeState state) {
    Exchange* const exchange = gateway_->exchange();
    ASSERT_NE(exchange, nullptr);
    EXPECT_EQ(name(exchange->record.state), name(state));
  }
  void take_backend() {
    backend_ = gateway_->network.take("one:1");
    ASSERT_NE(backend_, nullptr);
    EXPECT_FALSE(backend_->closed_by_gateway());
  }
  // The client leaves; no time passes.
  void leave_and_expect_nothing_left(int status) {
    client_->leave();
    gateway_->t.turn();
    if (backend_) EXPECT_TRUE(backend_->closed_by_gateway());
    EXPECT_EQ(gateway_->leftovers(), "");
    EXPECT_EQ(gateway_->connections(), 0u);
    ASSERT_EQ(gateway_->sink.records.size(), 1u);
    EXPECT_EQ(gateway_->sink.records[0].status, status);
    EXPECT_EQ(gateway_->sink.records[0].error, ErrorKind::kClientGone);
    // No timer of the exchange is left to fire.
    gateway_->t.advance(std::chrono::hours(1));
    EXPECT_EQ(gateway_->sink.records.size(), 1u);
  }

  std::optional<MemoryGateway> gateway_;
  std::optional<TestClient> client_;
  std::unique_ptr<BackendEnd> backend_;
};

TEST_F(CancellationTest, WhileItSendsABodyThatTheRouteReads) {
  client_->send("POST /v1/x HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\n{\"model\":");
  expect_waiting(ExchangeState::kReadingBody);
  EXPECT_EQ(gateway_->network.connects("one:1"), 0u);
  leave_and_expect_nothing_left(499);
}

TEST_F(CancellationTest, WhileItSendsABodyThatIsRelayed) {
  client_->send("POST /v1/x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n4\r\npart\r\n");
  take_backend();
  EXPECT_NE(backend_->received().find("4\r\npart\r\n"), std::string::npos);
  leave_and_expect_nothing_left(499);
  EXPECT_EQ(backend_->received().find("0\r\n\r\n"), std::string::npos)
      << "half a request must not look whole";
}

TEST_F(CancellationTest, WhileTheBackendTakesNoMoreOfItsBody) {
  client_->send("POST /v1/x HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000\r\n\r\n");
  for (int i = 0; i < 40; ++i) {
    client_->put(std::string(16 * 1024, 'x'));
    gateway_->t.turn();
  }
  EXPECT_EQ(client_->put("x"), 0u) << "backpressure reaches the client";
  take_backend();
  leave_and_expect_nothing_left(499);
}

TEST_F(CancellationTest, WhileItWaitsForAConnectionToBecomeFree) {
  build({.clusters = {{.pool = {.max_connections = 1}}}});
  TestClient other = gateway_->connect();
  other.send(kChat);
  auto others_backend = gateway_->network.take("one:1");
  client_->send(kChat);
  EXPECT_EQ(gateway_->endpoint().in_flight, 2);
  client_->leave();
  gateway_->t.turn();
  EXPECT_EQ(gateway_->endpoint().in_flight, 1);
  EXPECT_EQ(pool_metrics(gateway_->metrics, "models/one:1").waiting.value(), 0);
  EXPECT_EQ(gateway_->sink.records.at(0).status, 499);
  EXPECT_FALSE(others_backend->closed_by_gateway()) << "another client's work goes on";
  others_backend->send(json_answer("{}"));
  EXPECT_EQ(first_answer(other.receive()).status, 200);
  EXPECT_EQ(gateway_->leftovers(), "");
  EXPECT_EQ(gateway_->network.connects("one:1"), 1u);
}

TEST_F(CancellationTest, InTheVeryTurnInWhichItsConnectionBecomesFree) {
  build({.clusters = {{.pool = {.max_connections = 1}}}});
  TestClient other = gateway_->connect();
  other.send(kChat);
  auto end = gateway_->network.take("one:1");
  client_->send(kChat);
  TestClient third = gateway_->connect();
  third.send(kChat);
  end->received();
  end->send(json_answer("{}"));
  client_->leave();
  gateway_->t.turn();
  // The third one is next, not nobody.
  EXPECT_NE(end->received().find("POST", end->received().find("POST") + 1), std::string::npos);
  end->send(json_answer("{}"));
  EXPECT_EQ(first_answer(third.receive()).status, 200);
  EXPECT_EQ(gateway_->leftovers(), "");
}

TEST_F(CancellationTest, WhileAConnectionIsOpened) {
  gateway_->network.set_mode("one:1", MemoryNetwork::Mode::kHold);
  client_->send(kChat);
  expect_waiting(ExchangeState::kConnecting);
  EXPECT_EQ(gateway_->network.pending(), 1u);
  EXPECT_EQ(gateway_->loop.buffers().blocks_in_use(), 0u);
  leave_and_expect_nothing_left(499);
}

TEST_F(CancellationTest, WhileItWaitsForTheHeadOfItsAnswer) {
  client_->send(kChat);
  take_backend();
  expect_waiting(ExchangeState::kWaiting);
  EXPECT_EQ(gateway_->loop.buffers().blocks_in_use(), 0u) << "an exchange that waits holds no read buffer";
  leave_and_expect_nothing_left(499);
}

TEST_F(CancellationTest, WhileItWaitsForTheFirstToken) {
  client_->send(kChat);
  take_backend();
  backend_->send(event_stream_head());
  gateway_->t.turn();
  expect_waiting(ExchangeState::kWaiting);
  leave_and_expect_nothing_left(499);
}

TEST_F(CancellationTest, WhileItsAnswerStreams) {
  client_->send(kChat);
  take_backend();
  backend_->send(event_stream_head() + content_event("a"));
  gateway_->t.turn();
  expect_waiting(ExchangeState::kStreaming);
  EXPECT_EQ(gateway_->loop.buffers().blocks_in_use(), 0u) << "a stream that waits holds no read buffer";
  leave_and_expect_nothing_left(200);
}

TEST_F(CancellationTest, WhileItTakesNothingOfItsAnswer) {
  build({.client_capacity = 4096});
  client_->send(kChat);
  take_backend();
  backend_->send(event_stream_head() + content_event(std::string(30'000, 'a')));
  gateway_->t.turn();
  expect_waiting(ExchangeState::kStreaming);
  leave_and_expect_nothing_left(200);
}

TEST_F(CancellationTest, WithAnotherRequestPipelinedBehind) {
  client_->send(kChat + kChat + get("/third"));
  take_backend();
  leave_and_expect_nothing_left(499);
  EXPECT_EQ(gateway_->network.connects("one:1"), 1u);
  EXPECT_EQ(backend_->received().find("/third"), std::string::npos);
}

TEST_F(CancellationTest, WhileItsSecondAttemptConnects) {
  build({.clusters = {{.endpoints = {"one:1", "two:1"}}}});
  gateway_->network.set_mode("one:1", MemoryNetwork::Mode::kRefuse);
  gateway_->network.set_mode("two:1", MemoryNetwork::Mode::kHold);
  client_->send(kChat);
  expect_waiting(ExchangeState::kConnecting);
  EXPECT_EQ(gateway_->exchange()->record.attempts, 2u);
  leave_and_expect_nothing_left(499);
}

TEST_F(CancellationTest, AHalfClosedClientCountsAsGone) {
  client_->send(kChat);
  take_backend();
  client_->transport().shutdown_write();
  gateway_->t.turn();
  EXPECT_TRUE(backend_->closed_by_gateway());
  EXPECT_EQ(gateway_->leftovers(), "");
}

TEST_F(CancellationTest, AClientThatLeavesAfterItsAnswerCancelsNothing) {
  gateway_->network.set_script("one:1", {.pieces = {json_answer("{}")}});
  client_->send(kChat);
  client_->receive();
  client_->leave();
  gateway_->t.turn();
  EXPECT_EQ(gateway_->sink.records.at(0).error, std::nullopt);
  EXPECT_EQ(pool_metrics(gateway_->metrics, "models/one:1").idle.value(), 1) << "the connection is kept";
  EXPECT_EQ(gateway_->leftovers(), "");
}

// An operator ends it: the same, but for the client's side.

TEST_F(CancellationTest, KillingAnExchangeCutsItsAnswerAndClosesItsUpstreamInTheSameTurn) {
  client_->send(kChat);
  take_backend();
  backend_->send(
      "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
      "9\r\ndata: a\n\n\r\n");
  client_->receive();
  expect_waiting(ExchangeState::kStreaming);
  const std::string id(gateway_->exchange()->record.id);
  EXPECT_FALSE(gateway_->proxy().kill("another"));
  EXPECT_TRUE(gateway_->proxy().kill(id));
  gateway_->t.turn();
  EXPECT_TRUE(backend_->closed_by_gateway());
  EXPECT_FALSE(first_answer(client_->receive()).complete);
  EXPECT_TRUE(client_->at_end());
  EXPECT_EQ(gateway_->leftovers(), "");
  ASSERT_EQ(gateway_->sink.records.size(), 1u);
  EXPECT_EQ(gateway_->sink.records[0].error, ErrorKind::kKilled);
  EXPECT_EQ(gateway_->sink.records[0].status, 200);
}

TEST_F(CancellationTest, KillingAnExchangeBeforeItsAnswerClosesTheConnectionWithoutOne) {
  client_->send(kChat);
  take_backend();
  EXPECT_TRUE(gateway_->proxy().kill(gateway_->exchange()->record.id));
  gateway_->t.turn();
  EXPECT_TRUE(backend_->closed_by_gateway());
  EXPECT_EQ(client_->receive(), "");
  EXPECT_TRUE(client_->at_end());
  ASSERT_EQ(gateway_->sink.records.size(), 1u);
  EXPECT_EQ(gateway_->sink.records[0].error, ErrorKind::kKilled);
  EXPECT_EQ(gateway_->sink.records[0].status, 503);
}

}  // namespace
}  // namespace sluice::test
