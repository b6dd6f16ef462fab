#include "backends/forwarder/forwarder.h"

#include <gtest/gtest.h>

#include <memory>
#include <utility>

#include "gateway/runtime/child.h"
#include "tests/support/memory_gateway.h"
#include "tests/support/recording_writer.h"
#include "tests/support/scripted_body.h"

namespace sluice::test {
namespace {

// The forwarder alone: one call to one endpoint.
class ForwarderTest : public ::testing::Test {
 protected:
  ForwarderTest() {
    request_->upstream_head.set_target("/v1/x", "");
    request_->upstream_head.set_authority("model");
    request_->upstream_head.method = Method::kPost;
    call_.request = request_;
    call_.target = &gateway_.cluster();
    call_.timeouts = &timeouts_;
    call_.record = &record_;
  }
  void keep_body(std::string_view bytes) {
    request_->body.emplace(1 << 20);
    ASSERT_TRUE(request_->body->append(bytes));
  }
  void run() {
    run_.emplace(gateway_.loop, forwarder_.handle(call_, client_, CallNext({})));
    gateway_.t.turn();
    backend_ = gateway_.network.take("one:1");
  }
  std::optional<ErrorKind> error() {
    if (!run_->finished() || run_->result()->has_value()) return std::nullopt;
    return run_->result()->error().kind;
  }

  MemoryGateway gateway_;
  std::shared_ptr<Request> request_ = std::make_shared<Request>();
  RouteTimeouts timeouts_;
  ExchangeRecord record_;
  Call call_;
  RecordingWriter client_{gateway_.loop};
  Forwarder forwarder_{gateway_.loop};
  std::unique_ptr<BackendEnd> backend_;
  std::optional<Child<Result<void>>> run_;
};

TEST_F(ForwarderTest, EditsAreSentInPlaceOfWhatTheyReplace) {
  keep_body("{\"model\":\"alias\"}");
  call_.splices.add({9, 7, "\"served\""});
  run();
  EXPECT_TRUE(backend_->received().ends_with("\r\n\r\n{\"model\":\"served\"}")) << backend_->received();
  EXPECT_NE(backend_->received().find("content-length: 18\r\n"), std::string::npos);
}

TEST_F(ForwarderTest, MoreEditsThanOneWriteTakesPiecesAreSentWholeToo) {
  std::string body;
  std::string expected;
  for (int i = 0; i < 40; ++i) {
    call_.splices.add({static_cast<std::size_t>(2 * i), 1, "<" + std::to_string(i) + ">"});
    body += "ab";
    expected += "<" + std::to_string(i) + ">b";
  }
  keep_body(body);
  run();
  EXPECT_TRUE(backend_->received().ends_with("\r\n\r\n" + expected));
  EXPECT_NE(backend_->received().find("content-length: " + std::to_string(expected.size()) + "\r\n"),
            std::string::npos);
}

TEST_F(ForwarderTest, ABodyLargerThanTheSocketGoesUpWhileTheAnswerIsAwaited) {
  gateway_.network.set_capacity(1000);
  keep_body(std::string(50'000, 'x'));
  run();
  for (int i = 0; i < 200; ++i) {
    backend_->received();
    gateway_.t.turn();
  }
  EXPECT_TRUE(backend_->received().ends_with(std::string(50'000, 'x')));
  backend_->send(json_answer("{}"));
  gateway_.t.turn();
  EXPECT_TRUE(run_->finished());
  EXPECT_EQ(client_.body(), "{}");
}

TEST_F(ForwarderTest, AHeadOfAnEventStreamStartsWithItsFirstBytes) {
  run();
  backend_->send(event_stream_head());
  gateway_.t.turn();
  EXPECT_EQ(client_.starts(), 0);
  backend_->send(content_event("a"));
  gateway_.t.turn();
  EXPECT_EQ(client_.starts(), 1);
  EXPECT_EQ(client_.writes().size(), 1u);
}

TEST_F(ForwarderTest, AnEmptyEventStreamIsAWholeAnswerToo) {
  run();
  backend_->send(event_stream_head() + std::string(kLastChunk));
  gateway_.t.turn();
  ASSERT_TRUE(run_->finished());
  EXPECT_TRUE(run_->result()->has_value());
  EXPECT_EQ(client_.starts(), 1);
  EXPECT_EQ(client_.finishes(), 1);
}

TEST_F(ForwarderTest, TrailersReachTheClient) {
  run();
  backend_->send("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n" + chunk("x") +
                 "0\r\nx-sum: 1\r\n\r\n");
  gateway_.t.turn();
  ASSERT_TRUE(client_.trailers());
  EXPECT_EQ(client_.trailers()->get("x-sum"), "1");
}

TEST_F(ForwarderTest, AClientsErrorClosesTheBackendInTheSameTurn) {
  for (const std::size_t operation : {1u, 2u, 3u}) {
    RecordingWriter client(gateway_.loop);
    client.fail_at(operation);
    Call call = call_;
    Child<Result<void>> run(gateway_.loop, forwarder_.handle(call, client, CallNext({})));
    gateway_.t.turn();
    auto backend = gateway_.network.take("one:1");
    backend->send("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n" + chunk("x"));
    gateway_.t.turn();
    backend->send(chunk("y"));
    gateway_.t.turn();
    ASSERT_TRUE(run.finished()) << operation;
    EXPECT_EQ(run.result()->error().kind, ErrorKind::kClientGone);
    EXPECT_TRUE(backend->closed_by_gateway());
    EXPECT_EQ(client.after_failure(), 0u);
  }
  EXPECT_EQ(gateway_.endpoint().failures, 0u) << "not the backend's doing";
  EXPECT_EQ(gateway_.endpoint().in_flight, 0);
}

TEST_F(ForwarderTest, TheRequestIsLetGoWhenTheAnswerBeginsAndNoSooner) {
  keep_body("{}");
  const std::weak_ptr<Request> request = std::exchange(request_, nullptr);
  run();
  backend_->send(event_stream_head());
  gateway_.t.turn();
  EXPECT_FALSE(request.expired()) << "without content another endpoint may be asked";
  backend_->send(chunk("data: x\n\n"));
  gateway_.t.turn();
  EXPECT_EQ(client_.body(), "data: x\n\n");
  EXPECT_TRUE(request.expired());
  backend_->send(kLastChunk);
  gateway_.t.turn();
  ASSERT_TRUE(run_->finished());
  EXPECT_TRUE(*run_->result());
}

TEST_F(ForwarderTest, ARequestThatIsStillBeingSentStaysUntilItIs) {
  gateway_.network.set_capacity(1024);
  keep_body(std::string(10'000, 'x'));
  const std::weak_ptr<Request> request = std::exchange(request_, nullptr);
  run();
  backend_->send(event_stream_head() + chunk("data: x\n\n"));
  gateway_.t.turn();
  EXPECT_EQ(client_.body(), "data: x\n\n") << "the answer does not wait for it";
  EXPECT_FALSE(request.expired());
  for (int i = 0; i < 20; ++i) {
    backend_->received();
    gateway_.t.turn();
  }
  EXPECT_TRUE(backend_->received().ends_with(std::string(10'000, 'x')));
  EXPECT_TRUE(request.expired());
}

TEST_F(ForwarderTest, NoMoreIsReadAtOnceThanTheClientHasRoomFor) {
  client_.set_room(600);
  run();
  const std::string content(5000, 'x');
  backend_->send("HTTP/1.1 200 OK\r\ncontent-length: 5000\r\n\r\n" + content);
  gateway_.t.turn();
  EXPECT_EQ(client_.body(), content);
  for (const std::string& piece : client_.writes())
    EXPECT_LE(piece.size(), 600u);
}

TEST_F(ForwarderTest, AClientThatStallsStopsTheReadingOfTheBackend) {
  client_.stall_at(2);
  run();
  backend_->send("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n" + chunk(std::string(1000, 'a')));
  gateway_.t.turn();
  EXPECT_TRUE(client_.stalled());
  std::size_t sent = 0;
  for (int i = 0; i < 50; ++i) {
    sent += backend_->send(chunk(std::string(4000, 'b')));
    gateway_.t.turn();
  }
  EXPECT_LE(sent, 64u * 1024);
  run_.reset();
  EXPECT_TRUE(backend_->closed_by_gateway());
  EXPECT_EQ(gateway_.endpoint().in_flight, 0);
  EXPECT_EQ(gateway_.loop.buffers().blocks_in_use(), 0u);
}

TEST_F(ForwarderTest, AFailureOfTheClientsBodyIsToldInsteadOfTheBackends) {
  ScriptedBody body(gateway_.loop, {"some"}, false);
  body.end_with(Error{ErrorKind::kRequestTimeout, "slow"});
  request_->live_body = &body;
  run();
  ASSERT_TRUE(run_->finished());
  EXPECT_EQ(error(), ErrorKind::kRequestTimeout);
  EXPECT_TRUE(backend_->closed_by_gateway());
  EXPECT_EQ(gateway_.endpoint().failures, 0u);
}

TEST_F(ForwarderTest, WhatFailedIsTried) {
  gateway_.network.set_mode("one:1", MemoryNetwork::Mode::kRefuse);
  run();
  EXPECT_EQ(error(), ErrorKind::kConnectFailed);
  ASSERT_EQ(call_.tried.size(), 1u);
  EXPECT_EQ(call_.tried[0].get(), &gateway_.endpoint());
}

TEST_F(ForwarderTest, ACutAnswerIsNeverRetriable) {
  run();
  backend_->send("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc");
  gateway_.t.turn();
  backend_->reset();
  gateway_.t.turn();
  EXPECT_EQ(error(), ErrorKind::kUpstreamCut);
  EXPECT_EQ(run_->result()->error().retriable, Retriable::kNever);
  EXPECT_EQ(gateway_.endpoint().failures, 1u);
}

}  // namespace
}  // namespace sluice::test
