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
