// Answers that the session would not send, and ends that it would not tell of.

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <utility>

#include "gateway/http/http2/message_heads.h"
#include "gateway/runtime/signal.h"
#include "tests/gateway/http/http2/frames.h"
#include "tests/gateway/http/http2/served_http2.h"

namespace sluice::http2::test {
namespace {

ResponseHead head_with(std::size_t value_bytes) {
  ResponseHead head;
  head.headers.add("x-large", std::string(value_bytes, 'v'));
  return head;
}

std::size_t largest_value() {
  std::size_t bytes = kMaxBlockBytes;
  while (!fits_a_block(head_with(bytes)))
    --bytes;
  return bytes;
}

class LongAnswerHeadTest : public ::testing::Test {
 protected:
  std::int32_t ask(std::size_t value_bytes) {
    s_.handler.script = [this, value_bytes](ServerStream& stream) -> Task<Result<void>> {
      started_ = co_await stream.client.start(head_with(value_bytes));
      co_return co_await stream.client.finish("content");
    };
    const auto id = s_.peer->get("/");
    s_.peer->turn();
    return id;
  }
  ServedHttp2 s_;
  std::optional<Result<void>> started_;
};

TEST_F(LongAnswerHeadTest, TheLongestThatTheSessionSendsArrives) {
  const std::size_t size = largest_value();
  EXPECT_GT(size, kMaxBlockBytes - 256);
  const auto id = ask(size);
  EXPECT_EQ(s_.peer->answer(id).field("x-large").size(), size);
  EXPECT_EQ(s_.peer->answer(id).body, "content");
}

TEST_F(LongAnswerHeadTest, OneByteMoreIsAnErrorAndAResetInTheSameTurn) {
  const auto id = ask(largest_value() + 1);
  ASSERT_TRUE(started_.has_value());
  ASSERT_FALSE(*started_);
  EXPECT_EQ(started_->error().kind, ErrorKind::kInternal);
  EXPECT_TRUE(s_.peer->answer(id).reset);
  EXPECT_EQ(s_.peer->answer(id).code, static_cast<std::uint32_t>(NGHTTP2_INTERNAL_ERROR));
  EXPECT_EQ(s_.connection->streams(), 0u);
  // The connection serves on.
  s_.handler.script = nullptr;
  const auto next = s_.peer->get("/");
  s_.peer->turn();
  EXPECT_EQ(s_.peer->answer(next).status, 200);
}

TEST_F(LongAnswerHeadTest, OfSeventyKibibytesInManyFieldsToo) {
  s_.handler.script = [](ServerStream& stream) -> Task<Result<void>> {
    ResponseHead head;
    for (int i = 0; i < 70; ++i)
      head.headers.add("x-" + std::to_string(i), std::string(1'024, 'v'));
    (void)co_await stream.client.start(std::move(head));
    co_return co_await stream.client.finish("content");
  };
  const auto id = s_.peer->get("/");
  s_.peer->turn();
  EXPECT_EQ(s_.peer->answer(id).code, static_cast<std::uint32_t>(NGHTTP2_INTERNAL_ERROR));
  EXPECT_EQ(s_.connection->streams(), 0u);
}

TEST_F(LongAnswerHeadTest, TrailersThatTheSessionDropsEndTheStreamWithAReset) {
  s_.handler.script = [](ServerStream& stream) -> Task<Result<void>> {
    (void)co_await stream.client.start(ResponseHead());
    Headers trailers;
    trailers.add("x-large", std::string(70 * 1024, 't'));
    co_return co_await stream.client.finish("content", &trailers);
  };
  const auto id = s_.peer->get("/");
  s_.peer->turn();
  EXPECT_TRUE(s_.peer->answer(id).reset);
  EXPECT_EQ(s_.peer->answer(id).code, static_cast<std::uint32_t>(NGHTTP2_INTERNAL_ERROR));
  EXPECT_EQ(s_.connection->streams(), 0u);
}

// A connection that the session gives up of its own accord, to a client that reads nothing.

class UnreadGoawayTest : public ::testing::Test {
 protected:
  UnreadGoawayTest() {
    while (s_.server_end->try_write(kPieces).bytes != 0)
      continue;
    s_.peer->put_raw(ping());
    s_.t.turn();
    // DATA belongs to a stream (RFC 9113 6.1).
    s_.peer->put_raw(frame(NGHTTP2_DATA, 0, 0, "x"));
    s_.t.turn();
  }
  static constexpr std::string_view kPieces[] = {"junk"};
  ServedHttp2 s_;
};

TEST_F(UnreadGoawayTest, IsCountedWhenTheClientLeaves) {
  s_.peer->leave();
  s_.t.turn();
  EXPECT_EQ(s_.cuts(Cut::kProtocolError), 1u);
  EXPECT_TRUE(s_.gone());
}

TEST_F(UnreadGoawayTest, IsTheReasonAndNotTheSocketThatTakesNothing) {
  s_.t.advance(s_.limits.write_timeout + TimerWheel::kTick);
  EXPECT_EQ(s_.cuts(Cut::kProtocolError), 1u);
  EXPECT_EQ(s_.cuts(Cut::kWriteTimeout), 0u);
  EXPECT_TRUE(s_.gone());
}

// The last GOAWAY is submitted as the PING's answer arrives, and leaves at the turn's end.
TEST(Http2Drain, AStreamThatArrivesBesideThePingsAnswerIsNotServed) {
  ServedHttp2 s;
  s.connection->drain();
  s.t.turn();
  s.peer->put_raw(frame(NGHTTP2_PING, NGHTTP2_FLAG_ACK, 0, std::string(8, '\0')) + headers(1, get_block()));
  s.t.turn();
  EXPECT_EQ(s.counts.streams, 0u);
  EXPECT_EQ(s.counts.refused_streams, 1u);
  EXPECT_TRUE(s.handler.seen.empty());
}

// What other streams' own windows hold back leaves the connection's window, and the socket, to the others.
TEST(Http2ServerAnswers, RoomIsWhatTheWindowsAdmitLessWhatWaitsForThem) {
  ServedHttp2 s({}, 0);
  Signal go(s.t.loop);
  std::vector<std::size_t> room(4);
  std::size_t next = 0;
  const std::string piece(60'000, 'x');
  s.handler.script = [&](ServerStream& stream) -> Task<Result<void>> {
    const std::size_t me = next++;
    (void)co_await stream.client.start(ResponseHead{});
    if (me < 3) co_return co_await stream.client.finish(piece);
    co_await go.wait();
    room[0] = stream.client.room();
    (void)co_await stream.client.write("some");
    room[1] = stream.client.room();
    co_return co_await stream.client.finish({});
  };
  for (int i = 0; i < 4; ++i)
    (void)s.peer->get("/");
  s.peer->turn();
  EXPECT_EQ(s.counts.stalled_streams, 3);
  s.peer->widen(7, 50'000);
  s.peer->turn();
  go.notify_all();
  s.peer->turn();
  EXPECT_EQ(room[0], 50'000u);
  EXPECT_EQ(room[1], 50'000u - 4);
  EXPECT_EQ(s.peer->answer(7).body, "some");
}

TEST(Http2ServerAnswers, ThereIsAlwaysALittleRoom) {
  ServedHttp2 s({}, 0);
  std::size_t room = 0;
  s.handler.script = [&](ServerStream& stream) -> Task<Result<void>> {
    (void)co_await stream.client.start(ResponseHead{});
    room = stream.client.room();
    co_return co_await stream.client.finish({});
  };
  (void)s.peer->get("/");
  s.peer->turn();
  EXPECT_EQ(room, Room::kLeast);
}

}  // namespace
}  // namespace sluice::http2::test
