// Which failures of a backend are tried again elsewhere, seen from the client.

#include <gtest/gtest.h>

#include "tests/support/memory_gateway.h"

namespace sluice::test {
namespace {

using Mode = MemoryNetwork::Mode;
using End = BackendScript::End;

const std::string kChat = post("/v1/chat/completions", "{\"model\":\"m\"}");

class RetryTest : public ::testing::Test {
 protected:
  RetryTest() : gateway_({.clusters = {{.endpoints = {"one:1", "two:1", "three:1"}}}}) {
    for (const char* endpoint : {"one:1", "two:1", "three:1"})
      gateway_.network.set_script(endpoint, {.pieces = {json_answer(endpoint)}});
  }
  Answer ask(std::string_view request = kChat) {
    TestClient client = gateway_.connect();
    client.send(request);
    client.receive();
    const Answer answer = first_answer(client.received());
    client.leave();
    gateway_.t.turn();
    EXPECT_EQ(gateway_.leftovers(), "");
    return answer;
  }
  const ExchangeRecord& record() { return gateway_.sink.records.back(); }

  MemoryGateway gateway_;
};

TEST_F(RetryTest, ARefusedConnectGoesToAnotherEndpoint) {
  gateway_.network.set_mode("one:1", Mode::kRefuse);
  EXPECT_EQ(ask().body, "two:1");
  EXPECT_EQ(record().attempts, 2u);
  EXPECT_EQ(record().endpoint, "two:1");
  EXPECT_EQ(record().error, std::nullopt);
  EXPECT_EQ(gateway_.endpoint(0).failures, 1u);
  EXPECT_TRUE(gateway_.endpoint(0).avoided(gateway_.loop.now()));
}

// Two backends that speak HTTP/2; the first does with the request what the test says.
class Http2RetryTest : public ::testing::Test {
 protected:
  static constexpr std::string_view kSettings{"\0\0\0\4\0\0\0\0\0", 9};
  // Of stream 1: RST_STREAM with that code, and a head without a body (204).
  static std::string reset(char code) { return std::string("\0\0\4\3\0\0\0\0\1\0\0\0", 12) + code; }
  static constexpr std::string_view kNoContent{"\0\0\1\1\5\0\0\0\1\x89", 10};

  Http2RetryTest()
      : gateway_(
            {.clusters = {{.endpoints = {"one:1", "two:1"}, .pool = {.protocol = UpstreamProtocol::kH2c}}}}) {
  }
  void ask() {
    client_.send(kChat);
    first_ = gateway_.network.take("one:1");
    ASSERT_TRUE(first_);
  }
  std::unique_ptr<BackendEnd> second() { return gateway_.network.take("two:1"); }
  int status() { return first_answer(client_.receive()).status; }

  MemoryGateway gateway_;
  TestClient client_ = gateway_.connect();
  std::unique_ptr<BackendEnd> first_;
};

TEST_F(Http2RetryTest, WhatABackendDidNotProcessGoesToAnotherEvenIfItIsAPost) {
  // GOAWAY whose last stream is 0.
  const std::string goaway("\0\0\x8\7\0\0\0\0\0\0\0\0\0\0\0\0\0", 17);
  ask();
  first_->send(std::string(kSettings) + goaway);
  gateway_.t.turn();
  auto other = second();
  ASSERT_TRUE(other);
  other->send(std::string(kSettings) + std::string(kNoContent));
  EXPECT_EQ(status(), 204);
  EXPECT_EQ(gateway_.sink.records.back().attempts, 2u);
}

TEST_F(Http2RetryTest, ARefusedStreamGoesToAnotherEvenIfItIsAPost) {
  ask();
  first_->send(std::string(kSettings) + reset(7));
  gateway_.t.turn();
  auto other = second();
  ASSERT_TRUE(other);
  other->send(std::string(kSettings) + std::string(kNoContent));
  EXPECT_EQ(status(), 204);
  EXPECT_FALSE(first_->closed_by_gateway()) << "the connection serves on";
}

TEST_F(Http2RetryTest, AStreamThatIsResetOtherwiseMayHaveBeenBegun) {
  for (const char code : {'\0', '\2', '\x8', '\xb', '\xd'}) {
    MemoryGateway gateway(
        {.clusters = {{.endpoints = {"one:1", "two:1"}, .pool = {.protocol = UpstreamProtocol::kH2c}}}});
    TestClient client = gateway.connect();
    client.send(kChat);
    auto backend = gateway.network.take("one:1");
    backend->send(std::string(kSettings) + reset(code));
    EXPECT_EQ(first_answer(client.receive()).status, 502);
    EXPECT_EQ(gateway.network.connects("two:1"), 0u);
    EXPECT_EQ(gateway.sink.records.back().error, ErrorKind::kUpstreamReset);
  }
}

TEST(RetryOverTls, AHandshakeThatDoesNotAgreeOnHttp2GoesToAnotherEndpoint) {
  MemoryGateway gateway(
      {.clusters = {{.endpoints = {"one:1", "two:1"}, .pool = {.protocol = UpstreamProtocol::kH2}}},
       .routes = {{.attempts = 2}}});
  gateway.network.set_alpn("one:1", "http/1.1");
  gateway.network.set_mode("two:1", Mode::kRefuse);
  TestClient client = gateway.connect();
  client.send(kChat);
  EXPECT_EQ(first_answer(client.receive()).status, 503);
  const ExchangeRecord& record = gateway.sink.records.back();
  EXPECT_EQ(record.attempts, 2u);
  EXPECT_EQ(record.error, ErrorKind::kConnectFailed);
  for (const std::size_t endpoint : {0u, 1u}) {
    EXPECT_EQ(gateway.endpoint(endpoint).failures, 1u);
    EXPECT_TRUE(gateway.endpoint(endpoint).avoided(gateway.loop.now()));
  }
  EXPECT_TRUE(gateway.network.take("one:1")->received().empty()) << "no byte of the request";
}

TEST_F(RetryTest, AnEndpointThatRefusedIsLeftAloneForASecond) {
  gateway_.network.set_mode("one:1", Mode::kRefuse);
  for (int i = 0; i < 12; ++i)
    EXPECT_EQ(ask().status, 200);
  EXPECT_EQ(gateway_.network.connects("one:1"), 1u);
  gateway_.network.set_mode("one:1", Mode::kAccept);
  gateway_.t.advance(std::chrono::seconds(1));
  for (int i = 0; i < 6; ++i)
    ask();
  EXPECT_GT(gateway_.network.requests("one:1"), 0u);
}

TEST_F(RetryTest, AResetBeforeAnyByteOfAnAnswerGoesToAnotherEndpoint) {
  for (const End end : {End::kReset, End::kClose}) {
    gateway_.network.set_script("one:1", {.end = end});
    for (int i = 0; i < 3; ++i) {
      const Answer answer = ask();
      EXPECT_EQ(answer.status, 200);
      EXPECT_NE(answer.body, "one:1");
    }
  }
  EXPECT_EQ(gateway_.endpoint(0).failures, gateway_.network.requests("one:1"));
}

TEST_F(RetryTest, AResetAfterOneByteOfTheHeadIsNotRepeated) {
  gateway_.network.set_script("one:1", {.pieces = {"H", ""}, .end = End::kReset});
  EXPECT_EQ(ask().status, 502);
  EXPECT_EQ(record().attempts, 1u);
  EXPECT_EQ(record().error, ErrorKind::kUpstreamReset);
  EXPECT_EQ(gateway_.network.requests("two:1"), 0u);
}

TEST_F(RetryTest, AStreamThatBreaksBeforeItsFirstEventGoesToAnotherEndpoint) {
  gateway_.network.set_script("one:1", {.pieces = {event_stream_head()}, .end = End::kClose});
  EXPECT_EQ(ask().body, "two:1");
  EXPECT_EQ(record().attempts, 2u);
}

TEST_F(RetryTest, WhereEveryStreamBreaksBeforeItsFirstEventTheClientGetsAWholeAnswer) {
  for (const char* endpoint : {"one:1", "two:1", "three:1"})
    gateway_.network.set_script(endpoint, {.pieces = {event_stream_head()}, .end = End::kClose});
  const Answer answer = ask();
  EXPECT_EQ(answer.status, 502);
  EXPECT_TRUE(answer.complete);
  EXPECT_EQ(record().attempts, 3u);
}

TEST_F(RetryTest, AStreamThatBreaksAfterItsFirstEventIsNotRepeated) {
  gateway_.network.set_script("one:1",
                              {.pieces = {event_stream_head(), content_event("a"), ""}, .end = End::kClose});
  const Answer answer = ask();
  EXPECT_EQ(answer.status, 200);
  EXPECT_FALSE(answer.complete);
  EXPECT_EQ(record().attempts, 1u);
}

TEST_F(RetryTest, AMalformedHeadIsNotRepeated) {
  gateway_.network.set_script("one:1", {.pieces = {"SMTP ready\r\n\r\n"}});
  EXPECT_EQ(ask().status, 502);
  EXPECT_EQ(record().error, ErrorKind::kUpstreamMalformed);
  EXPECT_EQ(record().attempts, 1u);
}

TEST_F(RetryTest, AttemptsAreBoundedAndTheClientIsTold) {
  for (const char* endpoint : {"one:1", "two:1", "three:1"})
    gateway_.network.set_mode(endpoint, Mode::kRefuse);
  const Answer answer = ask();
  EXPECT_EQ(answer.status, 503);
  EXPECT_EQ(answer.header("retry-after"), "1");
  EXPECT_EQ(record().attempts, 3u);
  EXPECT_EQ(record().error, ErrorKind::kConnectFailed);
  for (const char* endpoint : {"one:1", "two:1", "three:1"})
    EXPECT_EQ(gateway_.network.connects(endpoint), 1u) << endpoint;
}

TEST_F(RetryTest, ABodyWithoutALengthMayGoElsewhereWhileNoneOfItWasTaken) {
  gateway_.network.set_mode("one:1", Mode::kRefuse);
  const std::string chunked = "POST /files HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n" +
                              chunk("abc") + std::string(kLastChunk);
  EXPECT_EQ(ask(chunked).body, "two:1");
}

TEST_F(RetryTest, ABodyThatWasRelayedIsNeverSentTwice) {
  gateway_.network.set_script("one:1", {.end = End::kReset});
  const std::string chunked = "POST /files HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n" +
                              chunk("abc") + std::string(kLastChunk);
  EXPECT_EQ(ask(chunked).status, 502);
  EXPECT_EQ(record().attempts, 1u);
  EXPECT_EQ(gateway_.network.requests("two:1") + gateway_.network.requests("three:1"), 0u);
}

TEST_F(RetryTest, AClientErrorIsNotRepeated) {
  EXPECT_EQ(ask("POST /files HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n").status, 400);
  EXPECT_LE(record().attempts, 1u);
}

TEST(StaleConnectionTest, AConnectionThatDiesUnderARequestIsReplacedWithoutBlame) {
  MemoryGateway gateway({.clusters = {{.endpoints = {"one:1"}}}});
  TestClient client = gateway.connect();
  client.send(kChat);
  auto first = gateway.network.take("one:1");
  first->received();
  first->send(json_answer("{}"));
  client.receive();
  ASSERT_EQ(pool_metrics(gateway.metrics, "models/one:1").idle.value(), 1);
  // The request leaves in the instant in which the backend closes: neither has heard of the other.
  client.put(kChat);
  while (gateway.t.step() && first->received().find("POST", 10) == std::string::npos) {
  }
  first->reset();
  gateway.t.turn();
  auto second = gateway.network.take("one:1");
  ASSERT_NE(second, nullptr);
  EXPECT_NE(second->received().find("{\"model\":\"m\"}"), std::string::npos);
  second->send(json_answer("{\"n\":2}"));
  EXPECT_TRUE(client.receive().ends_with("{\"n\":2}"));
  EXPECT_EQ(gateway.endpoint().failures, 0u);
  EXPECT_FALSE(gateway.endpoint().avoided(gateway.loop.now()));
  EXPECT_EQ(gateway.sink.records.at(1).attempts, 2u);
  EXPECT_EQ(gateway.leftovers(), "");
}

}  // namespace
}  // namespace sluice::test
