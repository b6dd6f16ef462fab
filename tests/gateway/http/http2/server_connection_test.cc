#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "gateway/runtime/signal.h"
#include "tests/gateway/http/http2/frames.h"
#include "tests/gateway/http/http2/served_http2.h"

namespace sluice::http2::test {
namespace {

using sluice::test::Alive;
using std::chrono::seconds;

TEST(Http2Server, AnswersRequestsWithAndWithoutABody) {
  ServedHttp2 s;
  const auto a = s.peer->get("/a?x=1");
  const auto b = s.peer->post("/b", "hello", {{"content-length", "5"}});
  s.peer->turn();
  EXPECT_EQ(s.peer->answer(a).status, 200);
  EXPECT_EQ(s.peer->answer(a).body, "GET /a?x=1 ");
  EXPECT_EQ(s.peer->answer(b).body, "POST /b hello");
  EXPECT_TRUE(s.peer->answer(b).ended);
  EXPECT_EQ(s.connection->streams(), 0u);
  EXPECT_EQ(s.handler.headers.at(0), "host: gateway.test\r\n");
}

TEST(Http2Server, AClientThatLeavesEndsEveryStreamsWorkInTheSameTurn) {
  ServedHttp2 s;
  int alive = 0;
  Signal never(s.t.loop);
  s.handler.script = [&](ServerStream&) -> Task<Result<void>> {
    const Alive guard(alive);
    co_await never.wait();
    co_return Result<void>();
  };
  for (int i = 0; i < 5; ++i)
    s.peer->get("/");
  s.peer->turn();
  EXPECT_EQ(alive, 5);
  s.peer->leave();
  s.t.turn();
  EXPECT_EQ(alive, 0);
  EXPECT_TRUE(s.gone());
}

TEST(Http2Server, AResetStreamsWorkEndsInTheSameTurnAndTheOthersGoOn) {
  ServedHttp2 s;
  int alive = 0;
  Signal go(s.t.loop);
  s.handler.script = [&](ServerStream& stream) -> Task<Result<void>> {
    const Alive guard(alive);
    co_await go.wait();
    (void)co_await stream.client.start(ResponseHead{});
    co_return co_await stream.client.finish("done");
  };
  const auto a = s.peer->get("/a");
  const auto b = s.peer->get("/b");
  s.peer->turn();
  ASSERT_EQ(alive, 2);
  s.peer->reset(a);
  s.peer->put();
  s.t.turn();
  EXPECT_EQ(alive, 1);
  EXPECT_EQ(s.connection->streams(), 1u);
  EXPECT_EQ(s.counts.client_resets, 1u);
  go.notify_all();
  s.peer->turn();
  EXPECT_EQ(s.peer->answer(b).body, "done");
}

TEST(Http2Server, ARequestThatIsResetInTheSameReadNeverStarts) {
  ServedHttp2 s;
  const auto id = s.peer->get("/a");
  s.peer->put();
  s.peer->reset(id);
  s.peer->put();
  s.t.turn();
  EXPECT_TRUE(s.handler.seen.empty());
  EXPECT_EQ(s.connection->streams(), 0u);
}

TEST(Http2Server, StreamsBothWaysWithTrailers) {
  ServedHttp2 s;
  s.handler.script = [](ServerStream& stream) -> Task<Result<void>> {
    (void)co_await stream.client.start(ResponseHead{});
    for (;;) {
      const Result<BodyPiece> piece = co_await stream.body.read();
      if (!piece) co_return fail(piece.error());
      const Result<void> written = co_await stream.client.write(piece->bytes);
      if (!written) co_return written;
      if (piece->last) break;
    }
    Headers trailers = *stream.body.trailers();
    trailers.add("X-Mine", "1");
    co_return co_await stream.client.finish({}, &trailers);
  };
  const auto id = s.peer->open("/");
  s.peer->turn();
  s.peer->send_body(id, "one ", false);
  s.peer->turn();
  EXPECT_EQ(s.peer->answer(id).body, "one ");
  s.peer->send_body(id, "two", false);
  s.peer->turn();
  EXPECT_EQ(s.peer->answer(id).body, "one two");
  s.peer->send_trailers(id, {{"x-sum", "7"}});
  s.peer->turn();
  EXPECT_EQ(s.peer->answer(id).trailers, (FieldList{{"x-sum", "7"}, {"x-mine", "1"}}));
  EXPECT_TRUE(s.peer->answer(id).ended);
  EXPECT_FALSE(s.peer->answer(id).reset);
}

TEST(Http2Server, AStreamThatDoesNotReadHoldsUpNoOther) {
  ServerLimits limits;
  limits.max_streams = 100;
  ServedHttp2 s(limits, 1000);
  s.peer->hold_windows();
  std::vector<int> written(100);
  Signal tick(s.t.loop);
  int next = 0;
  s.handler.script = [&](ServerStream& stream) -> Task<Result<void>> {
    const int me = next++;
    (void)co_await stream.client.start(ResponseHead{});
    for (;;) {
      co_await tick.wait();
      const Result<void> wrote = co_await stream.client.write(std::string(100, 'x'));
      if (!wrote) co_return wrote;
      ++written[static_cast<std::size_t>(me)];
    }
  };
  std::vector<std::int32_t> ids;
  for (int i = 0; i < 100; ++i)
    ids.push_back(s.peer->get("/"));
  s.peer->turn();
  nghttp2_session_set_local_window_size(s.peer->session(), NGHTTP2_FLAG_NONE, 0, 10'000'000);
  for (int round = 0; round < 50; ++round) {
    for (std::size_t i = 1; i < ids.size(); ++i)
      s.peer->widen(ids[i], 100);
    tick.notify_all();
    s.peer->turn();
  }
  EXPECT_EQ(s.peer->answer(ids[0]).body.size(), 1000u);
  // Its window, its buffer, and the write that waits.
  EXPECT_EQ(written[0], 30);
  for (std::size_t i = 1; i < ids.size(); ++i) {
    EXPECT_EQ(written[i], 50);
    EXPECT_EQ(s.peer->answer(ids[i]).body.size(), 5000u);
  }
  EXPECT_EQ(s.counts.stalled_streams, 1);
}

TEST(Http2Server, WhatManyStreamsWriteInOneTurnIsOneWrite) {
  ServedHttp2 s;
  Signal tick(s.t.loop);
  s.handler.script = [&](ServerStream& stream) -> Task<Result<void>> {
    (void)co_await stream.client.start(ResponseHead{});
    (void)co_await stream.client.flush();
    for (;;) {
      co_await tick.wait();
      (void)co_await stream.client.write("data: x\n\n");
    }
  };
  for (int i = 0; i < 20; ++i)
    s.peer->get("/");
  s.peer->turn();
  const std::size_t writes = s.server_end->writes();
  tick.notify_all();
  s.t.turn();
  EXPECT_EQ(s.server_end->writes(), writes + 1);
}

TEST(Http2Server, ALargeAnswerArrivesWholeThroughSmallWindows) {
  ServedHttp2 s({}, 700, 5'000);
  std::string all(300'000, '\0');
  for (std::size_t i = 0; i < all.size(); ++i)
    all[i] = static_cast<char>('a' + i % 23);
  s.handler.script = [&](ServerStream& stream) -> Task<Result<void>> {
    ResponseHead head;
    head.content_length = all.size();
    (void)co_await stream.client.start(std::move(head));
    (void)co_await stream.client.write(std::string_view(all).substr(0, 100'000));
    co_return co_await stream.client.finish(std::string_view(all).substr(100'000));
  };
  const auto id = s.peer->get("/");
  s.peer->turn();
  EXPECT_EQ(s.peer->answer(id).body, all);
  EXPECT_TRUE(s.peer->answer(id).ended);
}

TEST(Http2Server, DrainingSaysSoFirstServesWhatIsUnderWayAndEnds) {
  ServedHttp2 s;
  Signal go(s.t.loop);
  s.handler.script = [&](ServerStream& stream) -> Task<Result<void>> {
    co_await go.wait();
    (void)co_await stream.client.start(ResponseHead{});
    co_return co_await stream.client.finish("done");
  };
  const auto id = s.peer->get("/");
  s.peer->turn();
  s.connection->drain();
  s.peer->turn();
  ASSERT_EQ(s.peer->goaways().size(), 2u);
  EXPECT_EQ(s.peer->goaways()[0].last_stream_id, 0x7fffffff);
  EXPECT_EQ(s.peer->goaways()[1].last_stream_id, id);
  EXPECT_EQ(s.peer->goaways()[1].code, 0u);
  EXPECT_FALSE(s.peer->server_closed());
  go.notify_all();
  s.peer->turn();
  EXPECT_EQ(s.peer->answer(id).body, "done");
  EXPECT_TRUE(s.peer->server_closed());
  s.peer->leave();
  s.t.turn();
  EXPECT_TRUE(s.gone());
}

TEST(Http2Server, AnIdleConnectionIsClosedAndHoldsNoBuffer) {
  ServedHttp2 s;
  EXPECT_EQ(s.t.loop.buffers().blocks_in_use(), 0u);
  s.advance(seconds(74));
  EXPECT_FALSE(s.peer->server_closed());
  s.advance(seconds(2));
  EXPECT_TRUE(s.peer->server_closed());
  ASSERT_EQ(s.peer->goaways().size(), 1u);
  EXPECT_EQ(s.peer->goaways()[0].code, 0u);
}

TEST(Http2Server, ContinueIsSentOnlyWhenTheBodyIsWanted) {
  ServedHttp2 s;
  const auto id = s.peer->open("/", {{"expect", "100-continue"}});
  s.peer->turn();
  EXPECT_EQ(s.peer->answer(id).interim, std::vector<int>{100});
  s.peer->send_body(id, "ok", true);
  s.peer->turn();
  EXPECT_EQ(s.peer->answer(id).body, "POST / ok");
}

TEST(Http2Server, StreamsOverTheLimitAreRefusedAndTheRestIsServed) {
  ServerLimits limits;
  limits.max_streams = 2;
  // The client does not know the limit yet when it sends.
  ServedHttp2 s(limits, 65535, 1024 * 1024, false);
  Signal go(s.t.loop);
  s.handler.script = [&](ServerStream& stream) -> Task<Result<void>> {
    co_await go.wait();
    (void)co_await stream.client.start(ResponseHead{});
    co_return co_await stream.client.finish("done");
  };
  const auto a = s.peer->get("/");
  s.peer->get("/");
  const auto c = s.peer->get("/");
  s.peer->turn();
  EXPECT_EQ(s.peer->setting(NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS), 2u);
  EXPECT_EQ(s.peer->answer(c).code, static_cast<std::uint32_t>(NGHTTP2_REFUSED_STREAM));
  EXPECT_EQ(s.counts.refused_streams, 1u);
  go.notify_all();
  s.peer->turn();
  EXPECT_EQ(s.peer->answer(a).body, "done");
}

// What was under way when the gateway reset a stream may arrive however many streams that were (RFC
// 9113 5.1).
TEST(Http2Server, FramesForStreamsThatItResetAreIgnoredHoweverManyMayBeOpen) {
  ServerLimits limits;
  limits.max_streams = 1'000;
  ServedHttp2 s(limits);
  Signal go(s.t.loop);
  s.handler.script = [&](ServerStream&) -> Task<Result<void>> {
    co_await go.wait();
    co_return fail(ErrorKind::kInternal, "all of them");
  };
  std::vector<std::int32_t> ids;
  for (std::uint32_t i = 0; i < limits.max_streams; ++i)
    ids.push_back(s.peer->open("/"));
  s.peer->turn();
  ASSERT_EQ(s.connection->streams(), limits.max_streams);
  go.notify_all();
  s.peer->turn();
  EXPECT_EQ(s.connection->streams(), 0u);
  for (const std::int32_t id : {ids.front(), ids.back()})
    s.peer->put_raw(headers(static_cast<std::uint32_t>(id), hpack_field("x-trailer", "late")));
  s.peer->turn();
  EXPECT_EQ(s.cuts(Cut::kProtocolError), 0u);
  EXPECT_FALSE(s.peer->server_closed());
}

}  // namespace
}  // namespace sluice::http2::test
