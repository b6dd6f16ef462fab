// How answers are framed, what becomes of the connection after each, and what a client gets of an answer that
// could not be completed.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "gateway/runtime/signal.h"
#include "tests/gateway/http/http1/served_connection.h"

namespace sluice::http1 {
namespace {

using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using End = ServedConnection::End;

std::string get(const std::string& method = "GET", const std::string& version = "1.1",
                const std::string& fields = "") {
  return method + " / HTTP/" + version + "\r\nHost: h\r\n" + fields + "\r\n";
}

ResponseHead head_of(int status, std::optional<std::uint64_t> length) {
  ResponseHead head;
  head.status = status;
  head.content_length = length;
  head.headers.add(HeaderId::kDate, "Thu, 01 Jan 1970 00:00:00 GMT");
  return head;
}

// Answers with `pieces`, the last of them by finish().
RecordingHandler::Script answers(int status, std::optional<std::uint64_t> length,
                                 std::vector<std::string> pieces, const Headers* trailers = nullptr) {
  return [=](ServerStream& s) -> Task<Result<void>> {
    const Result<void> started = co_await s.client.start(head_of(status, length));
    if (!started) co_return started;
    for (std::size_t i = 0; i + 1 < pieces.size(); ++i) {
      const Result<void> written = co_await s.client.write(pieces[i]);
      if (!written) co_return written;
    }
    co_return co_await s.client.finish(pieces.empty() ? std::string_view() : pieces.back(), trailers);
  };
}

const std::string kDate = "date: Thu, 01 Jan 1970 00:00:00 GMT\r\n";

std::string answer_to(const std::string& request, RecordingHandler::Script script, End expected_end) {
  ServedConnection served;
  served.handler.script = std::move(script);
  served.send(request);
  EXPECT_EQ(served.end, expected_end) << request;
  const std::string got = served.take();
  if (expected_end == End::kOpen) {
    served.handler.script = nullptr;
    served.send(get());
    EXPECT_THAT(served.received, HasSubstr("HTTP/1.1 200 OK\r\n")) << "the connection serves another request";
  }
  return got;
}

TEST(ServerAnswer, IsFramedByItsLengthWhereThatIsKnown) {
  EXPECT_EQ(answer_to(get(), answers(200, 5, {"he", "", "llo"}), End::kOpen),
            "HTTP/1.1 200 OK\r\n" + kDate + "content-length: 5\r\n\r\nhello");
  EXPECT_EQ(answer_to(get(), answers(200, 0, {}), End::kOpen),
            "HTTP/1.1 200 OK\r\n" + kDate + "content-length: 0\r\n\r\n");
  EXPECT_EQ(answer_to(get(), answers(299, 0, {}), End::kOpen),
            "HTTP/1.1 299 \r\n" + kDate + "content-length: 0\r\n\r\n");
}

TEST(ServerAnswer, IsChunkedWhereItIsNot) {
  EXPECT_EQ(answer_to(get(), answers(200, std::nullopt, {"he", "", "0123456789abcdefg", ""}), End::kOpen),
            "HTTP/1.1 200 OK\r\n" + kDate +
                "transfer-encoding: chunked\r\n\r\n2\r\nhe\r\n11\r\n0123456789abcdefg\r\n0\r\n\r\n");
  EXPECT_EQ(
      answer_to(get(), answers(200, std::nullopt, {"a", "b"}), End::kOpen),
      "HTTP/1.1 200 OK\r\n" + kDate + "transfer-encoding: chunked\r\n\r\n1\r\na\r\n1\r\nb\r\n0\r\n\r\n");
  EXPECT_EQ(answer_to(get(), answers(200, std::nullopt, {}), End::kOpen),
            "HTTP/1.1 200 OK\r\n" + kDate + "transfer-encoding: chunked\r\n\r\n0\r\n\r\n");
}

TEST(ServerAnswer, CarriesTrailersInItsLastChunk) {
  Headers trailers;
  trailers.add("x-sum", "7");
  EXPECT_EQ(
      answer_to(get(), answers(200, std::nullopt, {"a"}, &trailers), End::kOpen),
      "HTTP/1.1 200 OK\r\n" + kDate + "transfer-encoding: chunked\r\n\r\n1\r\na\r\n0\r\nx-sum: 7\r\n\r\n");
  EXPECT_EQ(answer_to(get(), answers(200, 1, {"a"}, &trailers), End::kOpen),
            "HTTP/1.1 200 OK\r\n" + kDate + "content-length: 1\r\n\r\na");
}

TEST(ServerAnswer, ToHead204And304HasNoBody) {
  EXPECT_EQ(answer_to(get("HEAD"), answers(200, 5, {"he", "llo"}), End::kOpen),
            "HTTP/1.1 200 OK\r\n" + kDate + "content-length: 5\r\n\r\n");
  EXPECT_EQ(answer_to(get("HEAD"), answers(200, std::nullopt, {"hello"}), End::kOpen),
            "HTTP/1.1 200 OK\r\n" + kDate + "\r\n");
  EXPECT_EQ(answer_to(get(), answers(204, 5, {"hello"}), End::kOpen),
            "HTTP/1.1 204 No Content\r\n" + kDate + "\r\n");
  EXPECT_EQ(answer_to(get(), answers(304, 5, {"hello"}), End::kOpen),
            "HTTP/1.1 304 Not Modified\r\n" + kDate + "content-length: 5\r\n\r\n");
}

TEST(ServerAnswer, ToHttp10EndsWithTheConnectionUnlessItsLengthIsKnownAndItMayGoOn) {
  EXPECT_EQ(answer_to(get("GET", "1.0"), answers(200, 2, {"ok"}), End::kClosed),
            "HTTP/1.1 200 OK\r\n" + kDate + "content-length: 2\r\nconnection: close\r\n\r\nok");
  EXPECT_EQ(answer_to(get("GET", "1.0", "Connection: keep-alive\r\n"), answers(200, 2, {"ok"}), End::kOpen),
            "HTTP/1.1 200 OK\r\n" + kDate + "content-length: 2\r\nconnection: keep-alive\r\n\r\nok");
  EXPECT_EQ(answer_to(get("GET", "1.0", "Connection: keep-alive\r\n"), answers(200, std::nullopt, {"o", "k"}),
                      End::kClosed),
            "HTTP/1.1 200 OK\r\n" + kDate + "connection: close\r\n\r\nok");
  EXPECT_EQ(answer_to(get("GET", "1.0", "Expect: 100-continue\r\n"), answers(200, 0, {}), End::kClosed),
            "HTTP/1.1 200 OK\r\n" + kDate + "content-length: 0\r\nconnection: close\r\n\r\n");
}

TEST(ServerAnswer, HasADateOfTheGatewaysOwnUnlessItBringsOne) {
  ServedConnection served;
  served.send(get());
  EXPECT_THAT(served.received, HasSubstr("date: Wed, 11 Feb 1970 16:00:00 GMT\r\n"));
}

TEST(ServerAnswer, AHeadIsHeldBackUntilItIsFlushedOrContentComes) {
  ServedConnection served;
  Signal go(served.loop);
  served.handler.script = [&](ServerStream& s) -> Task<Result<void>> {
    (void)co_await s.client.start(head_of(200, std::nullopt));
    EXPECT_TRUE(s.client.head_sent());
    EXPECT_FALSE(s.client.content_sent());
    co_await go.wait();
    (void)co_await s.client.flush();
    (void)co_await s.client.flush();
    EXPECT_FALSE(s.client.content_sent());
    co_await go.wait();
    (void)co_await s.client.write("x");
    EXPECT_TRUE(s.client.content_sent());
    co_return co_await s.client.finish({});
  };
  served.send(get());
  EXPECT_EQ(served.take(), "");
  go.notify_all();
  served.loop.poll();
  EXPECT_EQ(served.take(), "HTTP/1.1 200 OK\r\n" + kDate + "transfer-encoding: chunked\r\n\r\n");
  go.notify_all();
  served.loop.poll();
  EXPECT_EQ(served.take(), "1\r\nx\r\n0\r\n\r\n");
}

TEST(ServerAnswer, AnAnswerCutInTheMiddleIsVisiblyShortOrResetWhereOnlyClosingWouldEndIt) {
  struct Cut {
    const char* name;
    std::optional<std::uint64_t> length;
    Result<void> outcome;
    End end = End::kClosed;
    std::string request = get();
  };
  const std::string old = "GET / HTTP/1.0\r\n\r\n";
  for (const Cut& cut :
       {Cut{"chunked, then an error", std::nullopt, fail(ErrorKind::kUpstreamCut, "")},
        {"chunked, never finished", std::nullopt, {}},
        {"by length, then an error", 10, fail(ErrorKind::kUpstreamCut, "")},
        {"by length, never finished", 10, {}},
        {"by closing, then an error", std::nullopt, fail(ErrorKind::kUpstreamCut, ""), End::kReset, old},
        {"by closing, never finished", std::nullopt, {}, End::kReset, old}}) {
    SCOPED_TRACE(cut.name);
    ServedConnection served;
    Signal go(served.loop);
    served.handler.script = [&](ServerStream& s) -> Task<Result<void>> {
      (void)co_await s.client.start(head_of(200, cut.length));
      (void)co_await s.client.write("part");
      co_await go.wait();
      co_return cut.outcome;
    };
    served.send(cut.request + cut.request);
    EXPECT_THAT(served.received, HasSubstr("part"));
    EXPECT_THAT(served.take(), Not(HasSubstr("\r\n0\r\n")));
    EXPECT_EQ(served.end, End::kOpen);
    go.notify_all();
    served.loop.poll();
    EXPECT_EQ(served.take(), "");
    EXPECT_EQ(served.end, cut.end);
    EXPECT_TRUE(served.gone());
  }
}

TEST(ServerAnswer, ALengthThatTheContentDoesNotHaveIsCutNotSent) {
  for (const auto& pieces : {std::vector<std::string>{"abc", "defg"}, std::vector<std::string>{"abcdefg"},
                             std::vector<std::string>{"abc", "d"}, std::vector<std::string>{}}) {
    ServedConnection served;
    served.handler.script = answers(200, 5, pieces);
    served.send(get() + get());
    EXPECT_EQ(served.end, End::kClosed);
    EXPECT_THAT(served.received, Not(HasSubstr("defg")));
  }
}

TEST(ServerAnswer, AHandlerThatSaysNothingEndsTheConnection) {
  ServedConnection served;
  served.handler.script = [](ServerStream&) -> Task<Result<void>> { co_return Result<void>(); };
  served.send(get() + get());
  EXPECT_EQ(served.end, End::kClosed);
  EXPECT_EQ(served.received, "");
}

TEST(ServerAnswer, GivenBeforeTheBodyCameEndsTheConnection) {
  for (const std::string body :
       {"Content-Length: 10\r\n\r\nhalf", "Transfer-Encoding: chunked\r\n\r\n5\r\nhalf",
        "Content-Length: 10\r\nExpect: 100-continue\r\n\r\n"}) {
    SCOPED_TRACE(body);
    ServedConnection served;
    served.handler.script = answers(401, 0, {});
    served.send("POST / HTTP/1.1\r\nHost: h\r\n" + body);
    EXPECT_THAT(served.statuses(), ElementsAre(401)) << "no 100 either";
    EXPECT_THAT(served.received, HasSubstr("connection: close\r\n"));
    EXPECT_EQ(served.end, End::kClosed);
    // What still comes is read and dropped, so that the answer is not lost to a reset, and is no request.
    EXPECT_EQ(served.tasks.size(), 1u);
    EXPECT_TRUE(served.send("hello " + get()));
    EXPECT_THAT(served.statuses(), ElementsAre(401));
    served.leave();
    EXPECT_TRUE(served.gone());
  }
}

TEST(ServerAnswer, GivenWithoutReadingABodyThatHasArrivedKeepsTheConnection) {
  ServedConnection served;
  served.handler.script = answers(401, 0, {});
  served.send(
      "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 35\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n" +
      get());
  EXPECT_THAT(served.statuses(), ElementsAre(401, 401));
  EXPECT_EQ(served.end, End::kOpen);
}

TEST(ServerAnswer, GivenWithoutReadingABodyOverTheRoutesLimitSaysThatTheConnectionCloses) {
  // The route's limit counts, whichever way it differs from the listener's.
  for (const std::uint64_t limit : {std::uint64_t{34}, std::uint64_t{35}}) {
    ServerLimits limits;
    limits.max_body_bytes = limit == 34 ? 100 : 10;
    ServedConnection served(limits);
    served.handler.script = [limit](ServerStream& s) -> Task<Result<void>> {
      s.body.set_limit(limit);
      (void)co_await s.client.start(head_of(401, 0));
      co_return co_await s.client.finish({});
    };
    served.send(
        "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 35\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n");
    EXPECT_EQ(served.received.find("connection: close") != std::string::npos, limit == 34);
    EXPECT_EQ(served.end, limit == 34 ? End::kClosed : End::kOpen);
  }
}

TEST(ServerAnswer, GivenWhileTheBodyIsStillBeingReadLosesNoByteOfIt) {
  for (const bool chunked : {false, true}) {
    SCOPED_TRACE(chunked);
    ServedConnection served;
    std::string got;
    served.handler.script = [&](ServerStream& s) -> Task<Result<void>> {
      (void)co_await s.client.start(head_of(200, std::nullopt));
      for (;;) {
        const Result<BodyPiece> piece = co_await s.body.read();
        if (!piece) co_return fail(piece.error());
        got += piece->bytes;
        const Result<void> written = co_await s.client.write(piece->bytes);
        if (!written) co_return written;
        if (piece->last) break;
      }
      co_return co_await s.client.finish({});
    };
    served.send(chunked ? "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"
                        : "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nhello");
    EXPECT_EQ(got, "hello");
    EXPECT_THAT(served.received, HasSubstr("hello"));
    served.send(chunked ? "5\r\nworld\r\n0\r\n\r\n" : "world");
    EXPECT_EQ(got, "helloworld");
    EXPECT_EQ(served.end, End::kClosed) << "the connection was told to close while the body was on its way";
  }
}

TEST(ServerAnswer, GivenFirstWithTheWholeBodyThereLeavesTheBodyReadable) {
  ServedConnection served;
  std::string got;
  served.handler.script = [&](ServerStream& s) -> Task<Result<void>> {
    (void)co_await s.client.start(head_of(200, 0));
    for (;;) {
      const Result<BodyPiece> piece = co_await s.body.read();
      if (!piece) co_return fail(piece.error());
      got += piece->bytes;
      if (piece->last) break;
    }
    co_return co_await s.client.finish({});
  };
  served.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello" + get());
  EXPECT_EQ(got, "hello");
  EXPECT_THAT(served.statuses(), ElementsAre(200, 200));
  EXPECT_EQ(served.end, End::kOpen);
}

TEST(ServerAnswer, StreamedInFrontOfAPipelinedRequestComesFirst) {
  ServedConnection served;
  Signal go(served.loop);
  served.handler.script = [&](ServerStream& s) -> Task<Result<void>> {
    if (s.head.path() != "/slow") co_return co_await served.handler.record_and_answer(s);
    (void)co_await s.client.start(head_of(200, std::nullopt));
    for (int i = 0; i < 3; ++i) {
      (void)co_await s.client.write("event");
      co_await go.wait();
    }
    co_return co_await s.client.finish({});
  };
  served.send(
      "GET /slow HTTP/1.1\r\nHost: h\r\n\r\nPOST /next HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\nx");
  for (int i = 0; i < 3; ++i) {
    EXPECT_TRUE(served.handler.seen.empty());
    go.notify_all();
    served.loop.poll();
  }
  served.drain();
  EXPECT_THAT(served.handler.seen, ElementsAre("POST /next x"));
  EXPECT_LT(served.received.find("0\r\n\r\n"), served.received.find("POST /next x"));
}

TEST(ServerAnswer, RefusalsAreNeverChunkedSinceTheVersionMayBeUnknown) {
  class Handler final : public StreamHandler {
    Task<Result<void>> serve(ServerStream&) override { co_return Result<void>(); }
    Task<Result<void>> refuse(RefusedRequest r) override {
      (void)co_await r.client.start(head_of(400, std::nullopt));
      co_return co_await r.client.finish("why");
    }
  } handler;
  ManualTime time;
  Loop loop(time, 1);
  const ServerLimits limits;
  auto [client, server] = MemoryTransport::pair(loop);
  ServerConnection connection(std::move(server), limits, handler);
  TaskGroup tasks;
  tasks.spawn(connection.run());
  const std::string_view bytes[] = {"GET / HTTP/1.0\r\nbad\r\n\r\n"};
  client->try_write(bytes);
  loop.poll();
  char got[512];
  const IoResult r = client->try_read(got);
  EXPECT_EQ(std::string_view(got, r.bytes),
            "HTTP/1.1 400 Bad Request\r\n" + kDate + "connection: close\r\n\r\nwhy");
}

TEST(ServerExpect, A100IsSentOnceAndOnlyWhenTheBodyIsWaitedFor) {
  ServedConnection served;
  served.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_EQ(served.take(), "HTTP/1.1 100 Continue\r\n\r\n");
  served.send("bo");
  EXPECT_EQ(served.take(), "");
  served.send("dy");
  EXPECT_THAT(served.statuses(), ElementsAre(200));
  EXPECT_EQ(served.end, End::kOpen);

  ServedConnection eager;
  eager.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\nbody");
  EXPECT_THAT(eager.statuses(), ElementsAre(200)) << "the body is there: nobody waits for a 100";
}

TEST(ServerExpect, IsIgnoredFromHttp10AndWithoutABody) {
  ServedConnection old;
  old.send("POST / HTTP/1.0\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_EQ(old.received, "");
  ServedConnection bodyless;
  bodyless.send("GET / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_THAT(bodyless.statuses(), ElementsAre(200));
}

TEST(ServerDrain, EndsAnIdleConnectionAtOnce) {
  ServedConnection served;
  served.send(get());
  served.connection->drain();
  served.loop.poll();
  served.drain();
  EXPECT_EQ(served.end, End::kClosed);
  EXPECT_TRUE(served.gone());
}

TEST(ServerDrain, WaitsForTheFirstRequestOfAConnectionThatWasJustAccepted) {
  ServedConnection served;
  served.connection->drain();
  served.loop.poll();
  served.drain();
  EXPECT_EQ(served.end, End::kOpen);
  served.send(get());
  EXPECT_THAT(served.statuses(), ElementsAre(200));
  EXPECT_THAT(served.received, HasSubstr("connection: close\r\n"));
  EXPECT_EQ(served.end, End::kClosed);
}

TEST(ServerDrain, EndIdleClosesAConnectionThatHasSentNothing) {
  ServedConnection served;
  served.connection->drain();
  served.connection->end_idle();
  served.loop.poll();
  served.drain();
  EXPECT_EQ(served.end, End::kClosed);
  EXPECT_TRUE(served.gone());
}

TEST(ServerDrain, LetsTheRequestUnderWayFinishAndNoOtherBegin) {
  for (const bool started : {false, true}) {
    SCOPED_TRACE(started);
    ServedConnection served;
    Signal go(served.loop);
    int begun = 0;
    served.handler.script = [&](ServerStream& s) -> Task<Result<void>> {
      ++begun;
      if (started) (void)co_await s.client.start(head_of(200, std::nullopt));
      if (started) (void)co_await s.client.flush();
      co_await go.wait();
      if (!started) (void)co_await s.client.start(head_of(200, std::nullopt));
      co_return co_await s.client.finish("done");
    };
    served.send(get() + get());
    EXPECT_FALSE(served.connection->idle());
    served.connection->drain();
    served.loop.poll();
    EXPECT_EQ(served.end, End::kOpen);
    go.notify_all();
    served.loop.poll();
    served.drain();
    EXPECT_THAT(served.received, HasSubstr("done\r\n0\r\n\r\n"));
    EXPECT_EQ(served.received.find("connection: close") != std::string::npos, !started);
    EXPECT_EQ(served.end, End::kClosed);
    EXPECT_EQ(begun, 1);
    served.leave();
    EXPECT_TRUE(served.gone());
  }
}

TEST(ServerDrain, LetsARequestWhoseHeadIsArrivingFinish) {
  ServedConnection served;
  served.send("GET / HTTP/1.1\r\n");
  served.connection->drain();
  served.send("Host: h\r\n\r\n");
  EXPECT_THAT(served.statuses(), ElementsAre(200));
  EXPECT_THAT(served.received, HasSubstr("connection: close\r\n"));
  EXPECT_EQ(served.end, End::kClosed);
}

}  // namespace
}  // namespace sluice::http1
