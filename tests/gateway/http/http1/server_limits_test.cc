// Every limit of a server's connection, at its boundary and one beyond.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "gateway/runtime/signal.h"
#include "tests/gateway/http/http1/served_connection.h"

namespace sluice::http1 {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using End = ServedConnection::End;

const std::string kGet = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";
// A timer fires at most one tick after its deadline.
constexpr Duration kTick = TimerWheel::kTick;

std::string head_of(std::size_t bytes) {
  const std::string rest = "GET / HTTP/1.1\r\nHost: h\r\nX: \r\n\r\n";
  return "GET / HTTP/1.1\r\nHost: h\r\nX: " + std::string(bytes - rest.size(), 'x') + "\r\n\r\n";
}

TEST(ServerLimits, MaxHeadBytesIsExact) {
  for (const std::size_t limit : {std::size_t{1'000}, std::size_t{16 * 1024}, std::size_t{20 * 1024},
                                  std::size_t{32 * 1024}, std::size_t{64 * 1024}}) {
    SCOPED_TRACE(limit);
    ServerLimits limits;
    limits.head.max_head_bytes = limit;
    ServedConnection fits(limits);
    fits.send(head_of(limit));
    EXPECT_THAT(fits.statuses(), ElementsAre(200));
    EXPECT_EQ(fits.end, End::kOpen);
    ServedConnection over(limits);
    over.send(head_of(limit + 1));
    EXPECT_THAT(over.statuses(), ElementsAre(431));
    EXPECT_EQ(over.end, End::kClosed);
    EXPECT_THAT(over.handler.seen, IsEmpty());
  }
}

TEST(ServerLimits, AHeadBehindOtherBytesMayUseTheWholeBuffer) {
  ServedConnection served;
  const std::string head = head_of(32 * 1024);
  served.send(kGet + kGet + head + head + kGet);
  EXPECT_THAT(served.statuses(), ElementsAre(200, 200, 200, 200, 200));
  served.leave();
  EXPECT_TRUE(served.gone());
}

TEST(ServerLimits, AHeadThatOutgrowsTheLargestBlockIsRefusedWhateverTheLimit) {
  ServerLimits limits;
  limits.head.max_head_bytes = 1024 * 1024;
  ServedConnection served(limits);
  served.send(head_of(65 * 1024));
  EXPECT_THAT(served.statuses(), ElementsAre(431));
}

TEST(ServerLimits, MaxHeadersIsExact) {
  ServerLimits limits;
  limits.head.max_headers = 10;
  std::string fields;
  for (int i = 0; i < 9; ++i)
    fields += "a: b\r\n";
  ServedConnection fits(limits);
  fits.send("GET / HTTP/1.1\r\nHost: h\r\n" + fields + "\r\n");
  EXPECT_THAT(fits.statuses(), ElementsAre(200));
  ServedConnection over(limits);
  over.send("GET / HTTP/1.1\r\nHost: h\r\n" + fields + "a: b\r\n\r\n");
  EXPECT_THAT(over.statuses(), ElementsAre(431));
  EXPECT_EQ(over.end, End::kClosed);
}

TEST(ServerLimits, MaxUriBytesIsExact) {
  const std::size_t limit = HeadLimits().max_uri_bytes;
  ServedConnection fits;
  fits.send("GET /" + std::string(limit - 1, 'u') + " HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_THAT(fits.statuses(), ElementsAre(200));
  ServedConnection over;
  over.send("GET /" + std::string(limit, 'u') + " HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_THAT(over.statuses(), ElementsAre(414));
  EXPECT_EQ(over.end, End::kClosed);
  ServedConnection endless;
  endless.send("GET /" + std::string(limit + 100, 'u'));
  EXPECT_THAT(endless.statuses(), ElementsAre(414)) << "without waiting for the end of the line";
}

class BodySizeTest : public ::testing::TestWithParam<bool> {
 protected:
  static std::string request(std::size_t size) {
    if (!GetParam()) {
      return "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: " + std::to_string(size) + "\r\n\r\n" +
             std::string(size, 'b');
    }
    // Two chunks, so that the limit falls into the second.
    char first[32];
    char second[32];
    std::snprintf(first, sizeof first, "%zx\r\n", size / 2);
    std::snprintf(second, sizeof second, "\r\n%zx\r\n", size - size / 2);
    return "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n" + std::string(first) +
           std::string(size / 2, 'b') + second + std::string(size - size / 2, 'b') + "\r\n0\r\n\r\n";
  }
};

TEST_P(BodySizeTest, MaxBodyBytesIsExact) {
  for (const std::size_t limit : {std::size_t{10}, std::size_t{100'000}}) {
    ServerLimits limits;
    limits.max_body_bytes = limit;
    ServedConnection fits(limits);
    fits.send(request(limit));
    EXPECT_THAT(fits.handler.seen, ElementsAre("POST / " + std::string(limit, 'b')));
    EXPECT_EQ(fits.end, End::kOpen);
    ServedConnection over(limits);
    over.send(request(limit + 1) + kGet);
    EXPECT_THAT(over.handler.seen, ElementsAre("POST / !body_too_large"));
    EXPECT_THAT(over.statuses(), ElementsAre(413));
    EXPECT_EQ(over.end, End::kClosed);
  }
}

INSTANTIATE_TEST_SUITE_P(Framing, BodySizeTest, ::testing::Bool(),
                         [](const auto& instance) { return instance.param ? "Chunked" : "Length"; });

TEST(ServerLimits, ALengthOverTheLimitIsRefusedBeforeItIsInvited) {
  ServedConnection served;
  served.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 99999999\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_THAT(served.statuses(), ElementsAre(413)) << "no 100 in front";
}

TEST(ServerLimits, HeadTimeoutCountsFromTheFirstByte) {
  ServerLimits limits;
  limits.head_timeout = seconds(10);
  for (const std::string& first :
       {std::string("G"), std::string("\r\n"), std::string("GET / HTTP/1.1\r\nHo")}) {
    SCOPED_TRACE(first);
    ServedConnection served(limits);
    served.advance(seconds(30));  // idle time does not count
    served.send(first);
    served.advance(seconds(6));
    served.send(first == "GET / HTTP/1.1\r\nHo" ? "s" : "");
    served.advance(seconds(4) - kTick);
    EXPECT_THAT(served.statuses(), IsEmpty());
    EXPECT_EQ(served.end, End::kOpen);
    served.advance(2 * kTick);
    EXPECT_THAT(served.statuses(), ElementsAre(408));
    EXPECT_EQ(served.end, End::kClosed);
  }
}

TEST(ServerLimits, HeadTimeoutDoesNotCountTheBodyOrTheAnswer) {
  ServedConnection served;
  Signal go(served.loop);
  served.handler.script = [&](ServerStream& s) -> Task<Result<void>> {
    co_await go.wait();
    co_return co_await served.handler.record_and_answer(s);
  };
  served.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n");
  served.advance(seconds(200));
  go.notify_all();
  served.loop.poll();
  served.send("ok");
  EXPECT_THAT(served.statuses(), ElementsAre(200));
  EXPECT_EQ(served.end, End::kOpen);
}

TEST(ServerLimits, IdleTimeoutClosesWithoutAWord) {
  ServerLimits limits;
  limits.idle_timeout = seconds(75);
  ServedConnection served(limits);
  served.advance(seconds(75) - kTick);
  served.send(kGet);
  EXPECT_THAT(served.statuses(), ElementsAre(200));
  served.take();
  served.advance(seconds(75) - kTick);
  EXPECT_EQ(served.end, End::kOpen) << "counted anew after each answer";
  served.advance(2 * kTick);
  EXPECT_EQ(served.end, End::kClosed);
  EXPECT_EQ(served.received, "");
  EXPECT_TRUE(served.gone());
}

TEST(ServerLimits, AnIdleConnectionHoldsNoBuffer) {
  ServedConnection served;
  EXPECT_EQ(served.loop.buffers().blocks_in_use(), 0u);
  served.send(kGet);
  EXPECT_EQ(served.loop.buffers().blocks_in_use(), 0u);
}

TEST(ServerLimits, AStreamWhoseBodyWasReadHoldsNoBufferWhileItsAnswerTakesItsTime) {
  ServedConnection served;
  Signal never(served.loop);
  served.handler.script = [&](ServerStream& s) -> Task<Result<void>> {
    for (;;) {
      const Result<BodyPiece> piece = co_await s.body.read();
      if (!piece || (piece->last && piece->bytes.empty())) break;
    }
    co_await never.wait();
    co_return Result<void>();
  };
  for (const char* request :
       {"GET / HTTP/1.1\r\nHost: h\r\n\r\n", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nbody"}) {
    ServedConnection other;
    other.handler.script = served.handler.script;
    other.send(request);
    EXPECT_EQ(other.handler.seen.size(), 0u);
    EXPECT_EQ(other.loop.buffers().blocks_in_use(), 0u) << request;
  }
}

TEST(ServerLimits, ASlowBodyIsRefusedAtTheMinimumRate) {
  ServerLimits limits;
  limits.min_body_rate = 1'000;
  limits.body_grace = seconds(5);
  limits.head_timeout = seconds(1);
  ServedConnection served(limits);
  served.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 100000\r\n\r\n");
  // 2,000 bytes earn two seconds on top of the grace.
  served.advance(seconds(3));
  served.send(std::string(2'000, 'b'));
  served.advance(seconds(4) - kTick);
  EXPECT_THAT(served.statuses(), IsEmpty());
  served.advance(2 * kTick);
  EXPECT_THAT(served.statuses(), ElementsAre(408));
  EXPECT_THAT(served.handler.seen, ElementsAre("POST / !request_timeout"));
  EXPECT_EQ(served.end, End::kClosed);
}

TEST(ServerLimits, ADrippingBodyIsRefusedThoughEachWaitIsShort) {
  for (const bool chunked : {false, true}) {
    ServedConnection served;  // 1,024 bytes a second after five seconds
    served.send(chunked ? "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
                        : "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 100000\r\n\r\n");
    int drops = 0;
    while (served.statuses().empty() && drops < 100) {
      served.advance(milliseconds(500));
      served.send(chunked ? "1\r\na\r\n" : "a");
      ++drops;
    }
    EXPECT_THAT(served.statuses(), ElementsAre(408));
    EXPECT_LE(drops, 11);
  }
}

TEST(ServerLimits, AFastBodyMayTakeAsLongAsItsSizeNeeds) {
  ServerLimits limits;
  limits.min_body_rate = 1'000;
  ServedConnection served(limits);
  served.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 100000\r\n\r\n");
  for (int second = 0; second < 100; ++second) {
    served.advance(seconds(1));
    served.send(std::string(1'000, 'b'));
  }
  EXPECT_THAT(served.statuses(), ElementsAre(200));
}

TEST(ServerLimits, TheGatewaysOwnBackPressureIsNotHeldAgainstABody) {
  ServedConnection served;
  Signal go(served.loop);
  std::string got;
  served.handler.script = [&](ServerStream& s) -> Task<Result<void>> {
    for (;;) {
      const Result<BodyPiece> piece = co_await s.body.read();
      if (!piece) co_return fail(piece.error());
      got += piece->bytes;
      if (piece->last) break;
      co_await go.wait();  // the backend takes a minute over each piece
    }
    ResponseHead head;
    head.content_length = 0;
    (void)co_await s.client.start(std::move(head));
    co_return co_await s.client.finish({});
  };
  served.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 40\r\n\r\n");
  for (int i = 0; i < 4; ++i) {
    served.send(std::string(10, 'b'));
    served.advance(seconds(60));
    go.notify_all();
    served.loop.poll();
  }
  served.drain();
  EXPECT_EQ(got, std::string(40, 'b'));
  EXPECT_THAT(served.statuses(), ElementsAre(200));
}

TEST(ServerLimits, WithoutAMinimumRateTheIdleTimeoutBoundsEachWaitForTheBody) {
  ServerLimits limits;
  limits.min_body_rate = 0;
  limits.idle_timeout = seconds(20);
  ServedConnection served(limits);
  served.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\n");
  for (int i = 0; i < 5; ++i) {
    served.advance(seconds(19));
    served.send("b");
  }
  EXPECT_THAT(served.statuses(), IsEmpty());
  served.advance(seconds(20) + kTick);
  EXPECT_THAT(served.statuses(), ElementsAre(408));
}

TEST(ServerLimits, WriteTimeoutCutsAClientThatTakesNothing) {
  ServerLimits limits;
  limits.write_timeout = seconds(60);
  ServedConnection served(limits, SIZE_MAX, 4'096);
  std::optional<ErrorKind> error;
  served.handler.script = [&](ServerStream& s) -> Task<Result<void>> {
    (void)co_await s.client.start(ResponseHead());
    const std::string event(1'000, 'e');
    for (;;) {
      const Result<void> written = co_await s.client.write(event);
      if (written) continue;
      error = written.error().kind;
      co_return fail(written.error());
    }
  };
  const std::string_view pieces[] = {kGet};
  served.client->try_write(pieces);
  served.loop.poll();
  const auto pass = [&](Duration by) {
    served.time.advance(by);
    served.loop.expire();
    served.loop.poll();
  };
  pass(seconds(60) - kTick);
  EXPECT_FALSE(error.has_value());
  // Taking any byte begins the time anew.
  char one[1];
  ASSERT_EQ(served.client->try_read(one).bytes, 1u);
  served.loop.poll();
  pass(seconds(60) - kTick);
  EXPECT_FALSE(error.has_value());
  pass(2 * kTick);
  EXPECT_EQ(error, ErrorKind::kClientGone);
  served.drain();
  EXPECT_EQ(served.end, End::kReset);
  EXPECT_TRUE(served.gone());
}

TEST(ServerLimits, LingeringEndsAfterTwoSecondsOrOneMebibyte) {
  ServedConnection quiet;
  quiet.send("garbage\r\n\r\n");
  EXPECT_EQ(quiet.tasks.size(), 1u);
  quiet.advance(seconds(2) + kTick);
  EXPECT_TRUE(quiet.gone());

  ServedConnection loud;
  loud.send("garbage\r\n\r\n");
  std::size_t sent = 0;
  while (loud.tasks.size() == 1 && sent < 4 * 1024 * 1024) {
    loud.send(std::string(64 * 1024, 'x'));
    sent += 64 * 1024;
  }
  EXPECT_TRUE(loud.gone());
  EXPECT_LE(sent, 1024 * 1024 + 128 * 1024u);
}

TEST(ServerLimits, AConnectionThatFloodsDoesNotKeepTheLoopFromOthers) {
  ServedConnection flood({}, SIZE_MAX, 8 * 1024 * 1024);
  RecordingHandler quiet_handler;
  const ServerLimits limits;
  auto [client, server] = MemoryTransport::pair(flood.loop);
  ServerConnection quiet(std::move(server), limits, quiet_handler);
  TaskGroup tasks;
  tasks.spawn(quiet.run());
  flood.loop.poll();
  std::size_t read = 0;
  std::size_t read_when_quiet_was_served = 0;
  flood.handler.script = [&](ServerStream& s) -> Task<Result<void>> {
    for (;;) {
      const Result<BodyPiece> piece = co_await s.body.read();
      if (!piece) co_return fail(piece.error());
      read += piece->bytes.size();
      if (piece->last) break;
    }
    co_return Result<void>();
  };
  quiet_handler.script = [&](ServerStream&) -> Task<Result<void>> {
    read_when_quiet_was_served = read;
    co_return Result<void>();
  };
  constexpr std::size_t kSize = 4 * 1024 * 1024;
  const std::string head =
      "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: " + std::to_string(kSize) + "\r\n\r\n";
  const std::string body(kSize, 'b');
  const std::string_view flooded[] = {head, body};
  const std::string_view request[] = {kGet};
  ASSERT_EQ(flood.client->try_write(flooded).bytes, head.size() + body.size());
  ASSERT_EQ(client->try_write(request).bytes, kGet.size());
  flood.loop.poll();
  EXPECT_EQ(read, kSize);
  EXPECT_LE(read_when_quiet_was_served, 512 * 1024u);
}

}  // namespace
}  // namespace sluice::http1
