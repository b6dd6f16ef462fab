// Every limit of a client's connection that HTTP/1 has as well, at its boundary and one beyond, and those of
// time.

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "gateway/runtime/signal.h"
#include "tests/gateway/http/http2/frames.h"
#include "tests/gateway/http/http2/served_http2.h"

namespace sluice::http2::test {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// A timer fires at most one tick after its deadline.
constexpr Duration kTick = TimerWheel::kTick;

using Script = std::function<Task<Result<void>>(ServerStream&)>;
Script waits(Signal& signal) {
  return [&signal](ServerStream&) -> Task<Result<void>> {
    co_await signal.wait();
    co_return Result<void>();
  };
}

// Heads.

int status_of_a_head(const ServerLimits& limits, const FieldList& fields) {
  ServedHttp2 s(limits);
  const auto id = s.peer->get("/", fields);
  s.peer->turn();
  EXPECT_EQ(s.handler.seen.size(), s.peer->answer(id).status == 200 ? 1u : 0u);
  EXPECT_FALSE(s.peer->answer(id).reset);
  // The connection serves on.
  const auto next = s.peer->get("/");
  s.peer->turn();
  EXPECT_EQ(s.peer->answer(next).status, 200);
  return s.peer->answer(id).status;
}

TEST(Http2Limits, MaxHeadBytesIsExactAndChargesEachFieldWhateverBecomesOfIt) {
  ServerLimits limits;
  limits.head.max_head_bytes = 1'000;
  const FieldList kinds[] = {{{"x", ""}}, {{"cookie", ""}}, {{"host", ""}}, {{"te", ""}}, {{"expect", ""}}};
  for (const FieldList& kind : kinds) {
    SCOPED_TRACE(kind[0].first);
    // Host must say what :authority says, or there is no request to count: a field more makes up for it.
    FieldList fields = kind;
    if (kind[0].first == "host") fields[0].second = "gateway.test";
    if (kind[0].first == "te") fields[0].second = "trailers";
    if (kind[0].first == "expect") fields[0].second = "100-continue";
    std::size_t charged = kGetCharge + 33;  // the last field's name is one byte
    charged += 32 + fields[0].first.size() + fields[0].second.size();
    fields.emplace_back("y", std::string(limits.head.max_head_bytes - charged, 'y'));
    EXPECT_EQ(status_of_a_head(limits, fields), 200);
    fields.back().second += 'y';
    EXPECT_EQ(status_of_a_head(limits, fields), 431);
  }
}

TEST(Http2Limits, CookieCrumbsAreChargedOneByOne) {
  ServerLimits limits;
  limits.head.max_head_bytes = kGetCharge + 10 * (32 + 6 + 3);
  EXPECT_EQ(status_of_a_head(limits, FieldList(10, {"cookie", "a=b"})), 200);
  EXPECT_EQ(status_of_a_head(limits, FieldList(11, {"cookie", "a=b"})), 431);
}

TEST(Http2Limits, TheClientIsToldTheLargestHead) {
  ServedHttp2 s;
  EXPECT_EQ(s.peer->setting(NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE), s.limits.head.max_head_bytes);
}

TEST(Http2Limits, MaxHeadersIsExact) {
  ServerLimits limits;
  limits.head.max_headers = 10;
  EXPECT_EQ(status_of_a_head(limits, FieldList(10, {"a", "b"})), 200);
  EXPECT_EQ(status_of_a_head(limits, FieldList(11, {"a", "b"})), 431);
}

TEST(Http2Limits, MaxUriBytesIsExact) {
  for (const std::size_t size : {HeadLimits().max_uri_bytes, HeadLimits().max_uri_bytes + 1}) {
    ServedHttp2 s;
    const auto id = s.peer->get("/" + std::string(size - 1, 'u'));
    s.peer->turn();
    EXPECT_EQ(s.peer->answer(id).status, size == HeadLimits().max_uri_bytes ? 200 : 414);
  }
}

TEST(Http2Limits, HeadsOfOpenStreamsAreHeldUpToALimitAndStreamsBeyondRefused) {
  ServerLimits limits;
  limits.max_streams = 128;
  ServedHttp2 s(limits);
  Signal never(s.t.loop);
  s.handler.script = waits(never);
  const std::size_t each = 30'000;
  const FieldList large{{"x", std::string(each - kGetCharge - 33, 'x')}};
  std::vector<std::int32_t> ids;
  for (int i = 0; i < 30; ++i) {
    ids.push_back(s.peer->get("/", large));
    s.peer->turn();
  }
  const std::size_t fit = (ServerConnection::kMaxHeads + each - 1) / each;
  EXPECT_EQ(s.connection->streams(), fit);
  EXPECT_EQ(s.counts.refused_streams, 30 - fit);
  EXPECT_EQ(s.peer->answer(ids.back()).code, static_cast<std::uint32_t>(NGHTTP2_REFUSED_STREAM));
  // Room comes back with a stream that ends.
  s.peer->reset(ids[0]);
  s.peer->turn();
  s.peer->get("/", large);
  s.peer->turn();
  EXPECT_EQ(s.connection->streams(), fit);
}

// Bodies.

TEST(Http2Limits, MaxBodyBytesIsExactWithAndWithoutALength) {
  ServerLimits limits;
  limits.max_body_bytes = 100'000;
  for (const bool announced : {false, true}) {
    for (const std::size_t size : {std::size_t{100'000}, std::size_t{100'001}}) {
      ServedHttp2 s(limits);
      FieldList fields;
      if (announced) fields.emplace_back("content-length", std::to_string(size));
      const auto id = s.peer->post("/", std::string(size, 'b'), fields);
      s.peer->turn();
      const bool fits = size == limits.max_body_bytes;
      EXPECT_EQ(s.peer->answer(id).status, fits ? 200 : 413);
      EXPECT_EQ(s.handler.seen.at(0), fits ? "POST / " + std::string(size, 'b') : "POST / !body_too_large");
      // The rest of it is not wanted, which is no mistake of the client's (RFC 9113 8.1).
      EXPECT_EQ(s.peer->answer(id).code, 0u);
      const auto next = s.peer->get("/");
      s.peer->turn();
      EXPECT_EQ(s.peer->answer(next).status, 200) << "the connection's window is open";
    }
  }
}

TEST(Http2Limits, ABodyThatNobodyReadsStopsAtItsWindowAndHoldsUpNoOther) {
  ServedHttp2 s;
  Signal never(s.t.loop);
  s.handler.script = waits(never);
  const auto id = s.peer->post("/", std::string(200'000, 'b'));
  s.peer->turn();
  EXPECT_EQ(nghttp2_session_get_stream_remote_window_size(s.peer->session(), id), 0);
  s.handler.script = nullptr;
  const auto other = s.peer->post("/", std::string(200'000, 'c'));
  s.peer->turn();
  EXPECT_EQ(s.peer->answer(other).status, 200);
}

TEST(Http2Limits, AClientThatSendsPastAStreamsWindowLosesAtMostItsConnection) {
  ServedHttp2 s;
  Signal never(s.t.loop);
  s.handler.script = waits(never);
  s.peer->put_raw(headers(1, get_block(), NGHTTP2_FLAG_END_HEADERS));
  for (int i = 0; i < 5; ++i)
    s.peer->put_raw(frame(NGHTTP2_DATA, 0, 1, std::string(16'384, 'b')));
  s.peer->turn();
  EXPECT_EQ(s.connection->streams(), 0u);
  EXPECT_EQ(s.counts.error_resets + s.cuts(Cut::kProtocolError), 1u);
}

TEST(Http2Limits, TrailersAreBounded) {
  for (const bool too_large : {false, true}) {
    ServedHttp2 s;
    const auto id = s.peer->open("/");
    s.peer->send_body(id, "x", false);
    s.peer->turn();
    // http1::ChunkedDecoder::kMaxTrailerBytes
    s.peer->send_trailers(id, {{"x", std::string(8 * 1024 - 33 + too_large, 't')}});
    s.peer->turn();
    EXPECT_EQ(s.peer->answer(id).status, too_large ? 0 : 200);
    EXPECT_EQ(s.peer->answer(id).reset, too_large);
    EXPECT_EQ(s.counts.error_resets, too_large ? 1u : 0u);
  }
}

// Time. A client that says nothing is idle; one that has begun something has head_timeout to end it.

TEST(Http2Limits, AClientThatNeverSpeaksIsIdle) {
  ServedHttp2 s({}, 65535, 1024 * 1024, false);
  s.t.advance(s.limits.idle_timeout - milliseconds(1));
  EXPECT_EQ(s.tasks.size(), 1u);
  s.t.advance(milliseconds(1) + kTick);
  s.peer->transport().close();
  s.t.turn();
  EXPECT_TRUE(s.gone());
}

TEST(Http2Limits, AHeadThatIsCompleteStopsItsClock) {
  ServedHttp2 s;
  Signal never(s.t.loop);
  s.handler.script = waits(never);
  s.peer->put_raw(headers(1, get_block(), NGHTTP2_FLAG_END_STREAM));
  s.t.turn();
  s.t.advance(seconds(9));
  s.peer->put_raw(continuation(1, {}, true));
  s.t.turn();
  s.t.advance(seconds(20));
  EXPECT_EQ(s.cuts(Cut::kHeadTimeout), 0u);
  EXPECT_EQ(s.connection->streams(), 1u);
}

TEST(Http2Limits, IdleTimeoutCountsFromTheLastStreamAndPingsDoNotPutItOff) {
  ServedHttp2 s;
  Signal go(s.t.loop);
  s.handler.script = [&](ServerStream& stream) -> Task<Result<void>> {
    co_await go.wait();
    (void)co_await stream.client.start(ResponseHead());
    co_return co_await stream.client.finish("done");
  };
  s.peer->get("/");
  s.peer->turn();
  s.advance(s.limits.idle_timeout * 3);
  EXPECT_FALSE(s.peer->server_closed()) << "it waits for its answer";
  go.notify_all();
  s.peer->turn();
  for (int i = 0; i < 7; ++i) {
    s.advance(s.limits.idle_timeout / 8);
    s.peer->ping();
    s.peer->turn();
    EXPECT_FALSE(s.peer->server_closed());
  }
  s.advance(s.limits.idle_timeout / 8 + kTick);
  EXPECT_TRUE(s.peer->server_closed());
  EXPECT_EQ(s.peer->goaways().at(0).code, 0u);
  for (std::size_t i = 0; i < kCutCount; ++i)
    EXPECT_EQ(s.counts.cuts[i], 0u);
}

TEST(Http2Limits, ABodyBelowMinBodyRateIsAnswered408) {
  ServedHttp2 s;
  const auto id = s.peer->open("/");
  s.peer->turn();
  for (int i = 0; i < 4; ++i) {
    s.peer->send_body(id, "x", false);
    s.advance(seconds(1));
    EXPECT_EQ(s.peer->answer(id).status, 0);
  }
  s.advance(seconds(1) + 2 * kTick);
  EXPECT_EQ(s.peer->answer(id).status, 408);
  EXPECT_EQ(s.connection->streams(), 0u);
  const auto next = s.peer->get("/");
  s.peer->turn();
  EXPECT_EQ(s.peer->answer(next).status, 200);
}

Script answers_with(std::size_t bytes) {
  return [bytes](ServerStream& stream) -> Task<Result<void>> {
    (void)co_await stream.client.start(ResponseHead());
    co_return co_await stream.client.finish(std::string(bytes, 'a'));
  };
}

TEST(Http2Limits, AStreamWhoseWindowStaysShutIsResetAfterWriteTimeoutAndTheConnectionServesOn) {
  ServedHttp2 s({}, 0);
  s.handler.script = answers_with(10'000);
  const auto id = s.peer->get("/");
  s.peer->turn();
  EXPECT_EQ(s.counts.stalled_streams, 1);
  s.advance(s.limits.write_timeout - milliseconds(1));
  EXPECT_FALSE(s.peer->answer(id).reset);
  s.advance(milliseconds(1) + kTick);
  EXPECT_TRUE(s.peer->answer(id).reset);
  EXPECT_EQ(s.peer->answer(id).code, static_cast<std::uint32_t>(NGHTTP2_CANCEL));
  EXPECT_EQ(s.counts.write_timeouts, 1u);
  EXPECT_EQ(s.counts.stalled_streams, 0);
  EXPECT_EQ(s.connection->streams(), 0u);
  EXPECT_EQ(s.cuts(Cut::kWriteTimeout), 0u);
  const auto next = s.peer->get("/");
  s.peer->turn();
  s.peer->widen(next, 20'000);
  s.peer->turn();
  EXPECT_EQ(s.peer->answer(next).body.size(), 10'000u);
}

TEST(Http2Limits, AWindowThatOpensABitNowAndThenPutsWriteTimeoutOff) {
  ServedHttp2 s({}, 0);
  s.peer->hold_windows();
  s.handler.script = answers_with(10'000);
  const auto id = s.peer->get("/");
  s.peer->turn();
  for (int i = 0; i < 10; ++i) {
    s.advance(s.limits.write_timeout - seconds(1));
    EXPECT_FALSE(s.peer->answer(id).reset);
    s.peer->widen(id, 1);
    s.peer->turn();
  }
  EXPECT_EQ(s.peer->answer(id).body.size(), 10u);
}

// An empty DATA frame needs no window (RFC 9113 6.9), but the session sends none through one that is shut.
TEST(Http2Limits, AnEndBehindAShutWindowIsGivenUpToo) {
  for (const bool with_trailers : {false, true}) {
    ServedHttp2 s({}, 100);
    s.peer->hold_windows();
    Signal content_left(s.t.loop);
    s.handler.script = [&content_left, with_trailers](ServerStream& stream) -> Task<Result<void>> {
      (void)co_await stream.client.start(ResponseHead());
      (void)co_await stream.client.write(std::string(100, 'a'));
      co_await content_left.wait();
      Headers trailers;
      if (with_trailers) trailers.add("x-t", "1");
      co_return co_await stream.client.finish({}, &trailers);
    };
    const auto id = s.peer->get("/");
    s.peer->turn();
    EXPECT_EQ(s.peer->answer(id).body.size(), 100u);
    content_left.notify_all();
    s.peer->turn();
    s.advance(s.limits.write_timeout + kTick);
    EXPECT_EQ(s.connection->streams(), 0u) << with_trailers;
    EXPECT_EQ(s.counts.stalled_streams, 0);
  }
}

TEST(Http2Limits, ASocketThatTakesNothingIsResetAfterWriteTimeout) {
  ServedHttp2 s({}, 1'000'000, 4'096);
  s.handler.script = answers_with(500'000);
  s.peer->get("/");
  s.peer->put();
  s.t.turn();
  EXPECT_EQ(s.counts.stalled_streams, 1);
  s.t.advance(s.limits.write_timeout - milliseconds(1));
  EXPECT_EQ(s.tasks.size(), 1u);
  s.t.advance(milliseconds(1) + kTick);
  EXPECT_EQ(s.cuts(Cut::kWriteTimeout), 1u);
  char buffer[8'192];
  EXPECT_EQ(s.peer->transport().try_read(buffer).status, IoResult::Status::kBroken) << "a reset";
  EXPECT_EQ(s.counts.stalled_streams, 0);
  EXPECT_TRUE(s.gone());
}

// Draining.

TEST(Http2Limits, AStreamThatIsOpenedBeforeTheLastGoawayIsServedAndOneBehindItIsNot) {
  ServedHttp2 s;
  Signal go(s.t.loop);
  s.handler.script = [&](ServerStream& stream) -> Task<Result<void>> {
    co_await go.wait();
    (void)co_await stream.client.start(ResponseHead());
    co_return co_await stream.client.finish("done");
  };
  s.connection->drain();
  s.t.turn();
  // The client has not read of it yet.
  const auto id = s.peer->get("/");
  s.peer->turn();
  ASSERT_EQ(s.peer->goaways().size(), 2u);
  EXPECT_EQ(s.peer->goaways()[0].last_stream_id, 0x7fffffff);
  EXPECT_EQ(s.peer->goaways()[1].last_stream_id, id);
  s.peer->put_raw(headers(static_cast<std::uint32_t>(id) + 2, get_block()));
  s.peer->turn();
  EXPECT_EQ(s.connection->streams(), 1u);
  go.notify_all();
  s.peer->turn();
  EXPECT_EQ(s.peer->answer(id).body, "done");
  EXPECT_EQ(s.counts.streams, 1u);
  EXPECT_TRUE(s.peer->server_closed());
}

TEST(Http2Limits, AClientThatDoesNotAnswerTheDrainsPingIsToldTheLastStreamByEndIdle) {
  ServedHttp2 s;
  s.connection->drain();
  s.t.turn();
  EXPECT_EQ(s.tasks.size(), 1u);
  s.connection->end_idle();
  s.t.turn();
  s.peer->turn();
  EXPECT_EQ(s.peer->goaways().size(), 2u);
  EXPECT_TRUE(s.peer->server_closed());
  s.peer->leave();
  s.t.turn();
  EXPECT_TRUE(s.gone());
}

}  // namespace

TEST(Http2Limits, HeadTimeoutIsOfTheWholePrefaceAndHead) {
  const std::string opened = std::string(kPreface) + frame(NGHTTP2_SETTINGS, 0, 0);
  const std::string head = headers(1, get_block());
  const std::string cases[] = {
      std::string(kPreface.substr(0, 10)),  // half a preface
      std::string(kPreface),                // without SETTINGS
      opened + head.substr(0, 5),           // half a frame's header
      opened + head.substr(0, 20),          // half a frame
      opened + headers(1, get_block(), NGHTTP2_FLAG_END_STREAM) + continuation(1, {}),
  };
  for (const std::string& bytes : cases) {
    SCOPED_TRACE(bytes.size());
    ServedHttp2 s({}, 65535, 1024 * 1024, false);
    s.peer->put_raw(bytes);
    s.t.turn();
    s.t.advance(s.limits.head_timeout - milliseconds(1));
    EXPECT_EQ(s.cuts(Cut::kHeadTimeout), 0u);
    s.t.advance(milliseconds(1) + kTick);
    EXPECT_EQ(s.cuts(Cut::kHeadTimeout), 1u);
    s.peer->leave();
    s.t.turn();
    EXPECT_TRUE(s.gone());
  }
}

TEST(Http2Limits, AHeadThatDripsGainsNoTime) {
  ServedHttp2 s;
  s.peer->put_raw(headers(1, get_block(), NGHTTP2_FLAG_END_STREAM));
  s.t.turn();
  for (int i = 0; i < 9; ++i) {
    s.t.advance(seconds(1));
    s.peer->put_raw(continuation(1, {}));
    s.t.turn();
    EXPECT_EQ(s.cuts(Cut::kHeadTimeout), 0u);
  }
  s.t.advance(seconds(1) + kTick);
  EXPECT_EQ(s.cuts(Cut::kHeadTimeout), 1u);
}

}  // namespace sluice::http2::test
