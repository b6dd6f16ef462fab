// A client that leaves ends what is done for it in the same loop turn, whatever that was waiting for, and
// nothing of it stays behind.

#include <gtest/gtest.h>

#include <string>

#include "gateway/runtime/signal.h"
#include "tests/gateway/http/http1/served_connection.h"

namespace sluice::http1 {
namespace {

const std::string kGet = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";

struct Guard {
  int& begun;
  int& ended;
  Guard(int& b, int& e) : begun(b), ended(e) { ++begun; }
  ~Guard() { ++ended; }
};

class DepartureTest : public ::testing::Test {
 protected:
  void expect_all_gone() {
    EXPECT_EQ(ended_, begun_);
    EXPECT_TRUE(served_.gone());
    // A timer left behind would fire into freed memory.
    served_.advance(std::chrono::hours(48));
  }

  RecordingHandler::Script waits() {
    return [this](ServerStream&) -> Task<Result<void>> {
      const Guard guard(begun_, ended_);
      co_await never_.wait(served_.loop.now() + std::chrono::hours(1));
      co_return Result<void>();
    };
  }
  RecordingHandler::Script reads_then_waits() {
    return [this](ServerStream& s) -> Task<Result<void>> {
      const Guard guard(begun_, ended_);
      for (;;) {
        const Result<BodyPiece> piece = co_await s.body.read();
        if (!piece) co_return fail(piece.error());
        if (piece->last) break;
      }
      co_await never_.wait();
      co_return Result<void>();
    };
  }
  RecordingHandler::Script streams_for_ever() {
    return [this](ServerStream& s) -> Task<Result<void>> {
      const Guard guard(begun_, ended_);
      (void)co_await s.client.start(ResponseHead());
      const std::string event(1'000, 'e');
      for (;;) {
        const Result<void> written = co_await s.client.write(event);
        if (!written) co_return fail(written.error());
        ++events_;
      }
    };
  }

  int begun_ = 0;
  int ended_ = 0;
  int events_ = 0;
  ServedConnection served_{{}, SIZE_MAX, 64 * 1024};
  Signal never_{served_.loop};
};

TEST_F(DepartureTest, WhileIdle) {
  served_.leave();
  expect_all_gone();
}

TEST_F(DepartureTest, WhileItSendsAHead) {
  served_.send("GET / HTTP/1.1\r\nHo");
  EXPECT_EQ(served_.loop.buffers().blocks_in_use(), 1u);
  served_.leave();
  expect_all_gone();
  EXPECT_TRUE(served_.handler.refused.empty());
}

TEST_F(DepartureTest, WhileItSendsABody) {
  served_.handler.script = reads_then_waits();
  served_.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\nhalf");
  ASSERT_EQ(begun_, 1);
  served_.leave();
  expect_all_gone();
}

TEST_F(DepartureTest, InTheMiddleOfAChunk) {
  served_.handler.script = reads_then_waits();
  served_.send("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n64\r\nhalf");
  ASSERT_EQ(begun_, 1);
  served_.leave();
  expect_all_gone();
}

TEST_F(DepartureTest, WhileItIsOwedA100Continue) {
  served_.handler.script = reads_then_waits();
  served_.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\n");
  ASSERT_EQ(begun_, 1);
  served_.leave();
  expect_all_gone();
}

TEST_F(DepartureTest, WhileItWaitsForTheAnswer) {
  served_.handler.script = reads_then_waits();
  served_.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nbody");
  ASSERT_EQ(begun_, 1);
  ASSERT_EQ(ended_, 0);
  served_.leave();
  expect_all_gone();
}

TEST_F(DepartureTest, ByHalfClosing) {
  served_.handler.script = waits();
  served_.send(kGet);
  served_.client->shutdown_write();
  served_.loop.poll();
  expect_all_gone();
}

TEST_F(DepartureTest, ByAReset) {
  served_.handler.script = waits();
  served_.send(kGet);
  served_.client->reset();
  served_.loop.poll();
  expect_all_gone();
}

TEST_F(DepartureTest, WhileTheAnswerStreamsAndItReads) {
  served_.handler.script = [this](ServerStream& s) -> Task<Result<void>> {
    const Guard guard(begun_, ended_);
    (void)co_await s.client.start(ResponseHead());
    (void)co_await s.client.write("data: 1\n\n");
    co_await never_.wait();
    co_return Result<void>();
  };
  served_.send(kGet);
  EXPECT_NE(served_.take().find("data: 1"), std::string::npos);
  served_.leave();
  expect_all_gone();
}

TEST_F(DepartureTest, WhileTheAnswerWaitsForRoomInAFullSocket) {
  served_.handler.script = streams_for_ever();
  const std::string_view pieces[] = {kGet};
  served_.client->try_write(pieces);
  served_.loop.poll();
  ASSERT_EQ(begun_, 1);
  ASSERT_GT(events_, 10);
  ASSERT_EQ(ended_, 0);
  served_.leave();
  expect_all_gone();
}

TEST_F(DepartureTest, WithASecondRequestWaitingBehind) {
  served_.handler.script = waits();
  served_.send(kGet + kGet);
  EXPECT_EQ(begun_, 1);
  served_.leave();
  expect_all_gone();
  EXPECT_EQ(begun_, 1) << "the second was never begun";
}

TEST_F(DepartureTest, WithMoreWaitingBehindThanTheReadBufferHolds) {
  served_.handler.script = waits();
  std::string many = kGet;
  while (many.size() < 50'000)
    many += kGet;
  ASSERT_TRUE(served_.send(many));
  EXPECT_EQ(begun_, 1);
  served_.leave();
  expect_all_gone();
  EXPECT_EQ(begun_, 1);
}

TEST_F(DepartureTest, WithABodyWaitingBehindThatNobodyReads) {
  served_.handler.script = waits();
  ASSERT_TRUE(
      served_.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 50000\r\n\r\n" + std::string(50'000, 'b')));
  EXPECT_EQ(begun_, 1);
  served_.leave();
  expect_all_gone();
}

TEST_F(DepartureTest, WhileARefusalLingers) {
  served_.send("garbage\r\n\r\n");
  EXPECT_EQ(served_.end, ServedConnection::End::kClosed);
  EXPECT_EQ(served_.tasks.size(), 1u) << "lingers for what the client may still send";
  served_.leave();
  expect_all_gone();
}

TEST_F(DepartureTest, AndAnAnswerThatNeedsNoWaitingStillReachesAHalfClosedClient) {
  const std::string_view pieces[] = {kGet};
  served_.client->try_write(pieces);
  served_.client->shutdown_write();
  served_.loop.poll();
  served_.drain();
  EXPECT_EQ(served_.statuses(), std::vector<int>{200});
}

TEST_F(DepartureTest, OfTheServersOwnTaskLeavesNothingForALateHangUp) {
  served_.handler.script = waits();
  served_.send(kGet);
  ASSERT_EQ(begun_, 1);
  served_.tasks.cancel_all();
  EXPECT_EQ(ended_, 1);
  // The connection object still exists and still hears of the client.
  served_.leave();
  served_.connection.reset();
  expect_all_gone();
}

}  // namespace
}  // namespace sluice::http1
