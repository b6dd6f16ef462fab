// Answers on their way from a backend to a client.

#include <gtest/gtest.h>

#include <map>

#include "tests/support/memory_gateway.h"

namespace sluice::test {
namespace {

const std::string kChat = post("/v1/chat/completions", "{\"model\":\"m\",\"stream\":true}");

class RelayingTest : public ::testing::Test {
 protected:
  void ask(std::string_view request = kChat) {
    client_.send(request);
    backend_ = gateway_.network.take("one:1");
    ASSERT_NE(backend_, nullptr);
  }
  // What reaches the client in the loop turn in which the backend sends this.
  std::string in_one_turn(std::string_view bytes) {
    const std::size_t before = client_.receive().size();
    backend_->send(bytes);
    gateway_.t.turn();
    client_.read_some(64 * 1024);
    return client_.received().substr(before);
  }
  const ExchangeRecord& record() { return gateway_.sink.records.at(0); }

  MemoryGateway gateway_;
  TestClient client_ = gateway_.connect();
  std::unique_ptr<BackendEnd> backend_;
};

TEST_F(RelayingTest, AnEventIsWrittenInTheTurnInWhichItArrives) {
  ask();
  EXPECT_EQ(in_one_turn(event_stream_head()), "") << "the head waits for the first event";
  const std::string first = in_one_turn(content_event("a"));
  EXPECT_TRUE(first.starts_with("HTTP/1.1 200 OK\r\n"));
  EXPECT_TRUE(first.ends_with(content_event("a")));
  EXPECT_EQ(in_one_turn(content_event("b")), content_event("b"));
}

TEST_F(RelayingTest, EventsThatArriveTogetherLeaveInOneWrite) {
  ask();
  in_one_turn(event_stream_head() + content_event("a"));
  // One write is one chunk, whatever the backend's chunks were.
  const std::string two = in_one_turn(content_event("b") + content_event("c"));
  const Answer whole = first_answer(client_.received());
  EXPECT_EQ(two, chunk(whole.body.substr(whole.body.find("\n\n") + 2)));
}

TEST_F(RelayingTest, AnAnswerCutAtAnyByteArrivesWholeAndUnchanged) {
  const std::string body = "{\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":4}}";
  const std::string stream = content_event("caf\xc3\xa9") + chunk("data: [DONE]\n\n");
  for (const std::string& answer :
       {json_answer(body), event_stream_head() + stream + std::string(kLastChunk)}) {
    for (std::size_t cut = 1; cut < answer.size(); ++cut) {
      MemoryGateway gateway;
      gateway.network.set_script("one:1", {.pieces = {answer.substr(0, cut), answer.substr(cut)}});
      TestClient client = gateway.connect();
      client.send(kChat);
      const Answer got = first_answer(client.receive());
      ASSERT_TRUE(got.complete) << cut;
      ASSERT_EQ(got.status, 200);
      ASSERT_EQ(got.body, first_answer(answer).body);
      ASSERT_EQ(gateway.leftovers(), "");
    }
  }
}

TEST_F(RelayingTest, AHeadThatIsNoEventStreamsIsNotHeldWhileItsBodyIsSlow) {
  ask();
  const std::string head =
      in_one_turn("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n");
  EXPECT_NE(head.find("content-length: 2\r\n"), std::string::npos);
  EXPECT_EQ(in_one_turn("{}"), "{}");
}

TEST_F(RelayingTest, AnAnswerToHeadHasItsLengthAndNoBody) {
  ask("HEAD /x HTTP/1.1\r\nHost: h\r\n\r\n");
  backend_->send("HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n");
  client_.receive();
  EXPECT_NE(client_.received().find("content-length: 1000\r\n"), std::string::npos);
  EXPECT_TRUE(client_.received().ends_with("\r\n\r\n"));
  EXPECT_EQ(record().error, std::nullopt);
  EXPECT_EQ(pool_metrics(gateway_.metrics, "models/one:1").idle.value(), 1);
}

TEST_F(RelayingTest, AnErrorOfTheBackendIsItsAnswer) {
  ask();
  backend_->send(
      "HTTP/1.1 429 Too Many Requests\r\ncontent-type: application/json\r\nretry-after: 7\r\n"
      "content-length: 2\r\n\r\n{}");
  const Answer answer = first_answer(client_.receive());
  EXPECT_EQ(answer.status, 429);
  EXPECT_EQ(answer.header("retry-after"), "7");
  EXPECT_EQ(record().attempts, 1u);
  EXPECT_EQ(record().error, std::nullopt);
}

TEST_F(RelayingTest, ABodyWithALengthThatIsCutEndsShortAndTheConnectionCloses) {
  ask();
  backend_->send(
      "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{\"half\":");
  backend_->close();
  const Answer answer = first_answer(client_.receive());
  EXPECT_EQ(answer.status, 200);
  EXPECT_FALSE(answer.complete);
  EXPECT_EQ(answer.body, "{\"half\":");
  EXPECT_TRUE(client_.at_end());
  EXPECT_EQ(record().error, ErrorKind::kUpstreamCut);
  EXPECT_EQ(gateway_.leftovers(), "");
}

TEST_F(RelayingTest, AChunkedBodyThatIsCutHasNoLastChunk) {
  ask();
  backend_->send("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n" + chunk("some"));
  backend_->close();
  const Answer answer = first_answer(client_.receive());
  EXPECT_FALSE(answer.complete);
  EXPECT_EQ(answer.body, "some");
  EXPECT_TRUE(client_.at_end());
}

TEST_F(RelayingTest, AStreamThatIsCutBetweenEventsGetsAnErrorEventAndNeverADone) {
  ask();
  backend_->send(event_stream_head() + content_event("a"));
  gateway_.t.turn();
  backend_->reset();
  const Answer answer = first_answer(client_.receive());
  EXPECT_FALSE(answer.complete);
  EXPECT_NE(answer.body.find("\n\ndata: {\"error\":{\"message\":"), std::string::npos) << answer.body;
  EXPECT_NE(answer.body.find("upstream_cut"), std::string::npos);
  EXPECT_EQ(answer.body.find("[DONE]"), std::string::npos);
  EXPECT_TRUE(client_.at_end());
}

TEST_F(RelayingTest, AStreamThatIsCutInsideAnEventIsOnlyCut) {
  ask();
  backend_->send(event_stream_head() + content_event("a") + chunk("data: {\"choi"));
  backend_->close();
  const Answer answer = first_answer(client_.receive());
  EXPECT_FALSE(answer.complete);
  EXPECT_TRUE(answer.body.ends_with("data: {\"choi"));
  EXPECT_EQ(answer.body.find("error"), std::string::npos);
}

TEST_F(RelayingTest, AMalformedChunkEndsTheAnswerVisibly) {
  ask();
  backend_->send(event_stream_head() + content_event("a"));
  gateway_.t.turn();
  backend_->send("zz\r\n");
  const Answer answer = first_answer(client_.receive());
  EXPECT_FALSE(answer.complete);
  EXPECT_EQ(record().error, ErrorKind::kUpstreamMalformed);
  EXPECT_TRUE(backend_->closed_by_gateway());
}

TEST_F(RelayingTest, AnOldClientOfACutStreamSeesAReset) {
  ask("GET /x HTTP/1.0\r\n\r\n");
  backend_->send(event_stream_head() + content_event("a"));
  gateway_.t.turn();
  EXPECT_NE(client_.receive().find("data: "), std::string::npos);
  backend_->close();
  gateway_.t.turn();
  char bytes[4096];
  IoResult r = client_.transport().try_read(bytes);
  while (r.status == IoResult::Status::kOk)
    r = client_.transport().try_read(bytes);
  EXPECT_EQ(r.status, IoResult::Status::kBroken) << "an orderly end would look like a whole answer";
}

TEST_F(RelayingTest, AConnectionServesOneRequestAfterTheOther) {
  gateway_.network.set_script("one:1", {.pieces = {json_answer("{\"n\":1}")}});
  for (int i = 0; i < 5; ++i)
    client_.send(kChat);
  client_.receive();
  std::string_view rest = client_.received();
  for (int i = 0; i < 5; ++i)
    EXPECT_EQ(take_answer(rest).body, "{\"n\":1}");
  EXPECT_EQ(rest, "");
  EXPECT_EQ(gateway_.network.connects("one:1"), 1u);
  EXPECT_EQ(gateway_.leftovers(), "");
}

TEST_F(RelayingTest, PipelinedRequestsAreAnsweredInOrder) {
  gateway_.network.set_script("one:1", {.pieces = {json_answer("{}")}});
  client_.send(kChat + post("/nothing", "x") + get("/b"));
  client_.receive();
  std::string_view rest = client_.received();
  for (int i = 0; i < 3; ++i)
    EXPECT_TRUE(take_answer(rest).complete) << i;
  EXPECT_EQ(rest, "");
  EXPECT_EQ(gateway_.sink.records.at(1).path, "/nothing");
}

TEST(WeightsTest, AThousandRequestsAreSplitNinetyToTenExactly) {
  MemoryGateway gateway({.clusters = {{.name = "stable", .endpoints = {"stable:1", "stable:2"}},
                                      {.name = "canary", .endpoints = {"canary:1"}}},
                         .routes = {{.clusters = {{"stable", 90}, {"canary", 10}}}}});
  for (const char* endpoint : {"stable:1", "stable:2", "canary:1"})
    gateway.network.set_script(endpoint, {.pieces = {json_answer("{}")}});
  TestClient client = gateway.connect();
  for (int i = 0; i < 1000; ++i) {
    client.send(kChat);
    client.receive();
  }
  EXPECT_EQ(gateway.network.requests("stable:1"), 450u);
  EXPECT_EQ(gateway.network.requests("stable:2"), 450u);
  EXPECT_EQ(gateway.network.requests("canary:1"), 100u);
  std::map<std::string, int> by_cluster;
  for (const ExchangeRecord& r : gateway.sink.records)
    ++by_cluster[std::string(r.cluster)];
  EXPECT_EQ(by_cluster, (std::map<std::string, int>{{"canary", 100}, {"stable", 900}}));
  EXPECT_EQ(gateway.leftovers(), "");
}

}  // namespace
}  // namespace sluice::test
