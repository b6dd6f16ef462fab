// What a client may send that is no request, to its last frame and one beyond (RFC 9113 10.5): each reason of
// sluice_http2_cuts_total.

#include <gtest/gtest.h>

#include <functional>
#include <ostream>
#include <string>

#include "gateway/runtime/signal.h"
#include "tests/gateway/http/http2/frames.h"
#include "tests/gateway/http/http2/served_http2.h"

namespace sluice::http2::test {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// A connection whose client takes all that it is sent and puts frames of the test's own on the wire. Requests
// wait for ever.
class FloodTest : public ::testing::Test {
 protected:
  FloodTest() {
    s_.handler.script = [this](ServerStream&) -> Task<Result<void>> {
      co_await never_.wait();
      co_return Result<void>();
    };
  }
  bool send(std::string_view bytes) {
    s_.peer->put_raw(bytes);
    s_.t.turn();
    drain();
    return open();
  }
  bool open() const { return s_.tasks.size() != 0 && !server_done_; }
  // How many of what `next` makes are taken until one ends the connection; that one is not counted.
  std::uint32_t until_cut(const std::function<std::string(std::uint32_t stream)>& next,
                          std::uint32_t first_stream = 1) {
    std::uint32_t taken = 0;
    while (taken < 100'000 && send(next(first_stream + 2 * taken)))
      ++taken;
    return taken;
  }
  void expect_cut(Cut reason, std::uint32_t code = NGHTTP2_ENHANCE_YOUR_CALM) {
    for (std::size_t i = 0; i < kCutCount; ++i) {
      const Cut each = static_cast<Cut>(i);
      EXPECT_EQ(s_.cuts(each), each == reason ? 1u : 0u) << name(each);
    }
    EXPECT_EQ(goaway_code_, code);
    s_.peer->leave();
    s_.t.turn();
    EXPECT_TRUE(s_.gone());
  }
  // Takes in what the server sent; notes the code of a GOAWAY.
  void drain() {
    char buffer[16 * 1024];
    for (;;) {
      const IoResult r = s_.peer->transport().try_read(buffer);
      if (r.status == IoResult::Status::kEnd || r.status == IoResult::Status::kBroken) server_done_ = true;
      if (r.status != IoResult::Status::kOk) break;
      received_.append(buffer, r.bytes);
      s_.t.turn();
    }
    while (received_.size() >= 9) {
      const auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>(received_[i]); };
      const std::size_t size = std::size_t{byte(0)} << 16 | std::size_t{byte(1)} << 8 | byte(2);
      if (received_.size() < 9 + size) break;
      if (byte(3) == NGHTTP2_GOAWAY) goaway_code_ = byte(16);
      received_.erase(0, 9 + size);
    }
  }

  ServedHttp2 s_;
  Signal never_{s_.t.loop};
  std::string received_;
  bool server_done_ = false;
  std::uint32_t goaway_code_ = 0;
};

// Frames that ask for nothing share one allowance. Connecting has cost the client's SETTINGS and its
// acknowledgement.
constexpr std::uint32_t kLeft = FloodGuard::kControlFrames - 2 * FloodGuard::kSettingsCost;

struct Control {
  const char* name;
  std::string bytes;
  std::uint32_t cost = 1;
  bool on_a_stream = false;
};
std::ostream& operator<<(std::ostream& out, const Control& c) {
  return out << c.name;
}

class ControlFloodTest : public FloodTest, public ::testing::WithParamInterface<Control> {};

TEST_P(ControlFloodTest, TheAllowanceIsExactAndComesBackWithTime) {
  const Control& flood = GetParam();
  // A request earns what it cannot keep: the allowance is not above its most.
  std::uint32_t left = kLeft;
  if (flood.on_a_stream) {
    send(headers(1, get_block(), NGHTTP2_FLAG_END_HEADERS));
    left += FloodGuard::kEarnedPerFrame;
  }
  for (std::uint32_t i = 0; i < left / flood.cost; ++i)
    ASSERT_TRUE(send(flood.bytes)) << i;
  s_.t.advance(seconds(1));
  for (std::uint32_t i = 0; i < FloodGuard::kControlFramesPerSecond / flood.cost; ++i)
    ASSERT_TRUE(send(flood.bytes)) << i;
  EXPECT_FALSE(send(flood.bytes));
  expect_cut(Cut::kControlFlood);
}

INSTANTIATE_TEST_SUITE_P(
    Frames, ControlFloodTest,
    ::testing::Values(Control{"ping", ping()}, Control{"ping_ack", frame(NGHTTP2_PING, 1, 0, "8 bytes.")},
                      Control{"settings", frame(NGHTTP2_SETTINGS, 0, 0), FloodGuard::kSettingsCost},
                      Control{"priority", frame(NGHTTP2_PRIORITY, 0, 3, std::string(4, '\0') + "\x10")},
                      Control{"window_update", window_update(0, 1)},
                      Control{"window_update_of_a_stream", window_update(1, 1), 1, true},
                      Control{"empty_data", frame(NGHTTP2_DATA, 0, 1), 1, true},
                      Control{"unknown", frame(0xbe, 0xff, 0, "what?")}),
    [](const auto& info) { return std::string(info.param.name); });

TEST_F(FloodTest, KindsOfControlFramesShareOneAllowance) {
  std::uint32_t n = 0;
  const std::uint32_t taken = until_cut([&](std::uint32_t) {
    switch (n++ % 3) {
      case 0:
        return ping();
      case 1:
        return window_update(0, 1);
      default:
        return frame(NGHTTP2_PRIORITY, 0, 3, std::string(4, '\0') + "\x10");
    }
  });
  EXPECT_EQ(taken, kLeft);
  expect_cut(Cut::kControlFlood);
}

TEST_F(FloodTest, AnAnswerThatStreamsPaysForItsWindowUpdatesAndPings) {
  Signal tick(s_.t.loop);
  s_.handler.script = [&](ServerStream& stream) -> Task<Result<void>> {
    (void)co_await stream.client.start(ResponseHead());
    for (;;) {
      co_await tick.wait();
      const Result<void> written = co_await stream.client.write("data: x\n\n");
      if (!written) co_return written;
    }
  };
  ASSERT_TRUE(send(headers(1, get_block())));
  // No time passes.
  for (int i = 0; i < 5'000; ++i) {
    tick.notify_all();
    ASSERT_TRUE(send(window_update(0, 9) + window_update(1, 9) + ping())) << i;
  }
}

// Streams that ended early cost the same allowance, by whosever mistake.

struct Early {
  const char* name;
  std::function<std::string(std::uint32_t stream)> request;
};
std::ostream& operator<<(std::ostream& out, const Early& e) {
  return out << e.name;
}
const std::uint8_t kOpen = NGHTTP2_FLAG_END_HEADERS;

const Early kEarly[] = {
    {"reset_at_once", [](std::uint32_t id) { return headers(id, get_block()) + rst_stream(id); }},
    {"reset_in_its_body",
     [](std::uint32_t id) {
       return headers(id, get_block(), kOpen) + frame(NGHTTP2_DATA, 0, id, "x") + rst_stream(id);
     }},
    {"window_overflow",
     [](std::uint32_t id) { return headers(id, get_block(), kOpen) + window_update(id, 0x7fffffff); }},
    {"name_in_capitals", [](std::uint32_t id) { return headers(id, get_block({{"X-Upper", "x"}})); }},
    {"line_feed_in_a_value", [](std::uint32_t id) { return headers(id, get_block({{"x", "a\nb"}})); }},
    {"field_of_one_connection",
     [](std::uint32_t id) { return headers(id, get_block({{"connection", "x"}})); }},
    {"no_pseudo_fields", [](std::uint32_t id) { return headers(id, hpack_field("x", "y")); }},
    {"two_hosts",
     [](std::uint32_t id) { return headers(id, get_block({{"host", "gateway.test"}, {"host", "b"}})); }},
    {"body_beyond_its_length",
     [](std::uint32_t id) {
       return headers(id, get_block({{"content-length", "1"}}), kOpen) +
              frame(NGHTTP2_DATA, NGHTTP2_FLAG_END_STREAM, id, "xx");
     }},
    {"forbidden_trailer",
     [](std::uint32_t id) {
       return headers(id, get_block(), kOpen) + headers(id, hpack_field("content-length", "1"));
     }},
};

class ResetFloodTest : public FloodTest, public ::testing::WithParamInterface<Early> {};

TEST_P(ResetFloodTest, TheAllowanceIsExactAndComesBackWithTime) {
  std::uint32_t id = 1;
  const auto next = [&] {
    const bool went_on = send(GetParam().request(id));
    id += 2;
    return went_on;
  };
  for (std::uint32_t i = 0; i < FloodGuard::kResets; ++i)
    ASSERT_TRUE(next()) << i;
  EXPECT_EQ(s_.connection->streams(), 0u);
  s_.t.advance(seconds(1));
  for (std::uint32_t i = 0; i < FloodGuard::kResetsPerSecond; ++i)
    ASSERT_TRUE(next()) << i;
  EXPECT_FALSE(next());
  EXPECT_EQ(s_.counts.client_resets + s_.counts.error_resets,
            FloodGuard::kResets + FloodGuard::kResetsPerSecond + 1);
  expect_cut(Cut::kResetFlood);
}

INSTANTIATE_TEST_SUITE_P(Requests, ResetFloodTest, ::testing::ValuesIn(kEarly),
                         [](const auto& info) { return std::string(info.param.name); });

TEST_F(FloodTest, KindsOfEarlyEndsShareOneAllowance) {
  const std::uint32_t taken = until_cut(
      [n = std::size_t{0}](std::uint32_t id) mutable { return kEarly[n++ % std::size(kEarly)].request(id); });
  EXPECT_EQ(taken, FloodGuard::kResets);
  expect_cut(Cut::kResetFlood);
}

// Refused streams: their client may not know the limit yet.

TEST_F(FloodTest, ABurstBeforeTheClientKnowsTheLimitIsRefusedAndTheConnectionServesOn) {
  std::string burst;
  for (std::uint32_t i = 0; i < 400; ++i)
    burst += headers(1 + 2 * i, get_block());
  EXPECT_TRUE(send(burst));
  EXPECT_EQ(s_.connection->streams(), s_.limits.max_streams);
  EXPECT_EQ(s_.counts.refused_streams, 400 - s_.limits.max_streams);
  EXPECT_EQ(s_.counts.error_resets, 0u) << "counted as refused, and as nothing else";
  EXPECT_EQ(s_.cuts(Cut::kResetFlood) + s_.cuts(Cut::kControlFlood), 0u);
  EXPECT_TRUE(send(rst_stream(1)));
  EXPECT_TRUE(send(headers(801, get_block())));
  EXPECT_EQ(s_.counts.streams, s_.limits.max_streams + 1);
}

class RefusalFloodTest : public FloodTest {
 protected:
  RefusalFloodTest() {
    for (std::uint32_t i = 0; i < s_.limits.max_streams; ++i)
      send(headers(1 + 2 * i, get_block()));
    first_refused_ = 1 + 2 * s_.limits.max_streams;
  }
  std::uint32_t first_refused_ = 0;
};

TEST_F(RefusalFloodTest, EachCostsOneControlFrameMoreThanItsHeadEarns) {
  const auto request = [](std::uint32_t id) { return headers(id, get_block()); };
  const std::uint32_t burst = FloodGuard::kControlFrames - FloodGuard::kEarnedPerFrame;
  for (std::uint32_t i = 0; i < burst; ++i)
    ASSERT_TRUE(send(request(first_refused_ + 2 * i))) << i;
  s_.t.advance(seconds(1));
  EXPECT_EQ(until_cut(request, first_refused_ + 2 * burst), FloodGuard::kControlFramesPerSecond);
  EXPECT_EQ(s_.counts.refused_streams, burst + FloodGuard::kControlFramesPerSecond + 1);
  expect_cut(Cut::kControlFlood);
}

TEST_F(RefusalFloodTest, ThoseThatTheClientResetsAsWellCostTwo) {
  const std::uint32_t taken =
      until_cut([](std::uint32_t id) { return headers(id, get_block()) + rst_stream(id); }, first_refused_);
  EXPECT_LE(taken, FloodGuard::kControlFrames / 2);
  expect_cut(Cut::kControlFlood);
}

// Heads without end.

TEST_F(FloodTest, AHeadMayBeOfSeventeenFramesAndNoMore) {
  static_assert(ServerConnection::kMaxContinuations == 16);
  const auto head = [](std::uint32_t id, std::uint32_t more) {
    std::string bytes = headers(id, get_block(), NGHTTP2_FLAG_END_STREAM);
    for (std::uint32_t i = 0; i < more; ++i)
      bytes += continuation(id, hpack_field("x", "y"), i + 1 == more);
    return bytes;
  };
  EXPECT_TRUE(send(head(1, ServerConnection::kMaxContinuations)));
  EXPECT_EQ(s_.counts.streams, 1u);
  EXPECT_TRUE(send(head(3, ServerConnection::kMaxContinuations))) << "of one head, not of a connection";
  EXPECT_FALSE(send(head(5, ServerConnection::kMaxContinuations + 1)));
  expect_cut(Cut::kHeadFlood);
}

TEST_F(FloodTest, EmptyContinuationsEndLikeOthers) {
  ASSERT_TRUE(send(headers(1, get_block(), NGHTTP2_FLAG_END_STREAM)));
  EXPECT_EQ(until_cut([](std::uint32_t) { return continuation(1, {}); }),
            ServerConnection::kMaxContinuations);
  expect_cut(Cut::kHeadFlood);
}

TEST_F(FloodTest, ABlockOfTwiceTheLargestHeadIsGivenUpWhateverItHolds) {
  const std::string field = hpack_field("x", std::string(10'000, 'v'));
  ASSERT_TRUE(send(headers(1, get_block(), NGHTTP2_FLAG_END_STREAM)));
  std::size_t sent = get_block().size();
  while (send(continuation(1, field)))
    sent += field.size();
  EXPECT_LE(sent, 2 * s_.limits.head.max_head_bytes);
  EXPECT_GT(sent + field.size(), 2 * s_.limits.head.max_head_bytes);
  expect_cut(Cut::kHeadFlood);
}

TEST_F(FloodTest, ABlockOfAFewBytesThatStandForManyIsGivenUpAtFourTimesTheLargestHead) {
  // An entry of 4,000 bytes in the table, and references to it of one byte each (RFC 7541 7.3).
  const std::string entry = '\x40' + hpack_string("x") + hpack_string(std::string(3'900, 'v'));
  ASSERT_TRUE(send(headers(1, get_block() + entry + std::string(16, '\xbe'))));
  drain();
  EXPECT_EQ(s_.handler.refused, std::vector<ErrorKind>{ErrorKind::kHeadTooLarge})
      << "somewhat too large is answered";
  EXPECT_FALSE(send(headers(3, get_block() + std::string(60, '\xbe'))));
  expect_cut(Cut::kHeadFlood);
}

// Own answers that nobody reads.

class UnreadAnswersTest : public FloodTest {
 protected:
  UnreadAnswersTest() {
    // The client's end takes nothing more.
    while (s_.server_end->try_write(kPieces).bytes != 0)
      continue;
  }
  bool send_unread(std::string_view bytes) {
    s_.peer->put_raw(bytes);
    s_.t.turn();
    return s_.cuts(Cut::kUnreadAnswers) == 0;
  }
  static constexpr std::string_view kPieces[] = {"junk"};
};

TEST_F(UnreadAnswersTest, ToPings) {
  std::size_t taken = 0;
  while (taken < 10'000 && send_unread(ping()))
    ++taken;
  // Those of the first write wait in a block, the others in the session.
  EXPECT_LE(taken, ServerConnection::kMaxQueuedAnswers + s_.limits.max_streams + 2);
  s_.t.advance(seconds(3));
  EXPECT_EQ(s_.tasks.size(), 0u) << "it lingers for a client that does not read, but not for long";
}

TEST_F(UnreadAnswersTest, ToSettings) {
  std::size_t taken = 0;
  while (taken < 10'000 && s_.cuts(Cut::kControlFlood) == 0 && send_unread(frame(NGHTTP2_SETTINGS, 0, 0)))
    ++taken;
  EXPECT_LE(taken, kLeft / FloodGuard::kSettingsCost + 1) << "the other limit comes first";
}

TEST_F(UnreadAnswersTest, ToStreamsThatAreReset) {
  std::uint32_t id = 1;
  while (id < 10'000 && send_unread(kEarly[3].request(id)))
    id += 2;
  EXPECT_LE(id / 2, ServerConnection::kMaxQueuedAnswers + s_.limits.max_streams + 2);
  EXPECT_EQ(s_.cuts(Cut::kUnreadAnswers), 1u);
}

}  // namespace
}  // namespace sluice::http2::test
