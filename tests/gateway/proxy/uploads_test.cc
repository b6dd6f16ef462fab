// Request bodies on their way from a client to a backend.

#include <gtest/gtest.h>

#include "tests/support/memory_gateway.h"

namespace sluice::test {
namespace {

const std::string kChunkedHead = "POST /files HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";

class UploadsTest : public ::testing::Test {
 protected:
  void take_backend() {
    backend_ = gateway_.network.take("one:1");
    ASSERT_NE(backend_, nullptr);
  }
  // The body of the request that the backend has received so far.
  std::string body_at_backend() {
    const std::string& got = backend_->received();
    return got.substr(got.find("\r\n\r\n") + 4);
  }
  static std::string large_head(std::size_t length) {
    return "POST /files HTTP/1.1\r\nHost: h\r\nContent-Length: " + std::to_string(length) + "\r\n\r\n";
  }

  MemoryGateway gateway_;
  TestClient client_ = gateway_.connect();
  std::unique_ptr<BackendEnd> backend_;
};

TEST_F(UploadsTest, ALargeBodyIsRelayedAsItArrives) {
  client_.send(large_head(100'000) + "first");
  take_backend();
  EXPECT_EQ(body_at_backend(), "first");
  EXPECT_NE(backend_->received().find("content-length: 100000\r\n"), std::string::npos);
  client_.send("second");
  EXPECT_EQ(body_at_backend(), "firstsecond");
}

TEST_F(UploadsTest, AChunkedBodyIsRelayedInChunksOfOurOwn) {
  client_.send(kChunkedHead + "3;ext=1\r\nabc\r\n");
  take_backend();
  EXPECT_NE(backend_->received().find("transfer-encoding: chunked\r\n"), std::string::npos);
  EXPECT_EQ(body_at_backend(), "3\r\nabc\r\n");
  client_.send("2\r\nde\r\n0\r\n\r\n");
  EXPECT_EQ(body_at_backend(), "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n");
  backend_->send(json_answer("{}"));
  EXPECT_TRUE(first_answer(client_.receive()).complete);
  EXPECT_EQ(gateway_.sink.records.at(0).request_bytes, 5u);
  EXPECT_EQ(gateway_.leftovers(), "");
}

TEST_F(UploadsTest, AKeptBodyGoesUpInOneWriteWithItsHead) {
  client_.send(post("/v1/x", "{\"model\":\"m\"}"));
  take_backend();
  EXPECT_EQ(body_at_backend(), "{\"model\":\"m\"}");
  EXPECT_NE(backend_->received().find("content-length: 13\r\n"), std::string::npos);
}

TEST_F(UploadsTest, AnUploadThatWaitsForItsAnswerHoldsNoReadBuffer) {
  client_.send(kChunkedHead + chunk("one") + std::string(kLastChunk));
  take_backend();
  EXPECT_EQ(body_at_backend(), chunk("one") + std::string(kLastChunk));
  EXPECT_EQ(gateway_.loop.buffers().blocks_in_use(), 0u);
}

TEST_F(UploadsTest, AnAnswerMayComeBeforeTheBodyIsWhole) {
  client_.send(large_head(100'000) + std::string(500, 'x'));
  take_backend();
  backend_->send("HTTP/1.1 400 Bad Request\r\ncontent-length: 2\r\n\r\nno");
  const Answer answer = first_answer(client_.receive());
  EXPECT_EQ(answer.status, 400);
  EXPECT_EQ(answer.body, "no");
  EXPECT_EQ(answer.header("connection"), "close") << "the rest of the body is in front of the next request";
  EXPECT_TRUE(backend_->closed_by_gateway()) << "half a request leaves no connection to reuse";
  EXPECT_EQ(gateway_.leftovers(), "");
}

TEST_F(UploadsTest, AnAnswerMayStreamWhileTheBodyStillGoesUp) {
  client_.send(kChunkedHead + chunk("one"));
  take_backend();
  backend_->send(event_stream_head() + content_event("a"));
  EXPECT_NE(client_.receive().find("data: "), std::string::npos);
  // What the client sends from now on, in several chunks at once, must all reach the backend.
  client_.send(chunk("two") + chunk("three"));
  client_.send(chunk("four") + std::string(kLastChunk));
  EXPECT_EQ(body_at_backend(), chunk("one") + chunk("twothree") + chunk("four") + std::string(kLastChunk));
  backend_->send(chunk("data: [DONE]\n\n") + std::string(kLastChunk));
  EXPECT_TRUE(first_answer(client_.receive()).complete);
  EXPECT_EQ(gateway_.leftovers(), "");
}

TEST_F(UploadsTest, ChunksThatWaitWhileAnAnswerBeginsAreNotLost) {
  gateway_.network.set_capacity(256);
  client_.send(kChunkedHead);
  take_backend();
  const std::string one(400, '1');
  const std::string two(400, '2');
  // More than the backend takes: the second chunk waits in the gateway or before it when the head comes.
  client_.send(chunk(one) + chunk(two) + std::string(kLastChunk));
  backend_->send(event_stream_head() + chunk("data: x\n\n"));
  client_.receive();
  for (int i = 0; i < 20; ++i) {
    backend_->received();
    gateway_.t.turn();
  }
  std::string got = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n" + body_at_backend();
  const Answer as_answer = first_answer(got);
  EXPECT_TRUE(as_answer.complete);
  EXPECT_EQ(as_answer.body, one + two);
}

TEST_F(UploadsTest, ABackendThatTakesNothingStopsTheClient) {
  gateway_.network.set_capacity(4096);
  client_.send(large_head(10'000'000));
  std::size_t taken = 0;
  for (int i = 0; i < 200; ++i) {
    taken += client_.put(std::string(16 * 1024, 'x'));
    gateway_.t.turn();
  }
  // The wires to and from, and one small block.
  EXPECT_LE(taken, 64u * 1024 + 4096 + BufferPool::kSmallBytes);
}

TEST_F(UploadsTest, ABodyThatBreaksItsFramingIsTheClientsFault) {
  client_.send(kChunkedHead + chunk("one") + "zz\r\n");
  take_backend();
  EXPECT_EQ(first_answer(client_.receive()).status, 400);
  EXPECT_TRUE(backend_->closed_by_gateway());
  EXPECT_EQ(gateway_.sink.records.at(0).error, ErrorKind::kMalformedRequest);
  EXPECT_EQ(gateway_.endpoint().failures, 0u);
  EXPECT_EQ(gateway_.leftovers(), "");
}

TEST(UploadLimitsTest, ARelayedBodyOverTheLimitIsRefusedAndCutUpstream) {
  MemoryGateway gateway({.routes = {{.max_body_bytes = 1000}}});
  TestClient client = gateway.connect();
  client.send(kChunkedHead + chunk(std::string(600, 'x')));
  auto backend = gateway.network.take("one:1");
  client.send(chunk(std::string(600, 'x')));
  EXPECT_EQ(first_answer(client.receive()).status, 413);
  EXPECT_TRUE(backend->closed_by_gateway());
  EXPECT_EQ(gateway.leftovers(), "");
}

TEST_F(UploadsTest, ASlowBodyThatIsRelayedEndsByItsRate) {
  client_.send(kChunkedHead + chunk("one"));
  take_backend();
  gateway_.t.advance(std::chrono::seconds(6));
  EXPECT_EQ(first_answer(client_.receive()).status, 408);
  EXPECT_TRUE(backend_->closed_by_gateway());
  EXPECT_EQ(gateway_.leftovers(), "");
}

TEST_F(UploadsTest, ContinueIsSentOnlyWhenABackendIsThereToTakeTheBody) {
  gateway_.network.set_mode("one:1", MemoryNetwork::Mode::kRefuse);
  client_.send(
      "POST /files HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n");
  const Answer refused = first_answer(client_.receive());
  EXPECT_EQ(refused.status, 503);
  TestClient second = gateway_.connect();
  gateway_.network.set_mode("one:1", MemoryNetwork::Mode::kAccept);
  second.send(
      "POST /files HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_EQ(second.receive(), "HTTP/1.1 100 Continue\r\n\r\n");
}

}  // namespace
}  // namespace sluice::test
