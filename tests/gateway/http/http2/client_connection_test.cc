#include "gateway/http/http2/client_connection.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nghttp2/nghttp2.h>

#include <string>
#include <utility>
#include <vector>

#include "tests/gateway/http/http2/client_fixture.h"

namespace sluice::http2::test {
namespace {

TEST_F(Http2Client, ARequestArrivesAndItsAnswerComesBack) {
  connect();
  auto stream = get();
  const auto& request = backend->requests[1];
  EXPECT_EQ(request.field(":method"), "GET");
  EXPECT_EQ(request.field(":scheme"), "http");
  EXPECT_EQ(request.field(":authority"), "backend:80");
  EXPECT_EQ(request.field(":path"), "/x?q=1");
  EXPECT_EQ(request.field("content-length"), "");
  EXPECT_TRUE(request.ended);
  backend->head(1, {{":status", "200"}, {"content-length", "5"}, {"x-a", "b"}});
  backend->data(1, "hello", true, {{"x-checksum", "1"}, {"authorization", "no"}});
  const Answer got = answer(*stream);
  EXPECT_EQ(got.status, 200);
  EXPECT_EQ(got.length, 5U);
  EXPECT_EQ(got.headers, "x-a: b\r\n");
  EXPECT_EQ(got.body, "hello");
  EXPECT_EQ(got.trailers, "x-checksum: 1\r\n");
  EXPECT_FALSE(got.error);
  EXPECT_TRUE(stream->reusable());
  stream.reset();
  turns();
  EXPECT_FALSE(backend->requests[1].was_reset) << "both sides had ended";
  EXPECT_EQ(counts.streams.value(), 0);
}

TEST_F(Http2Client, AnEmptyPostTellsItsLength) {
  connect();
  auto stream = get(Method::kPost);
  EXPECT_EQ(backend->requests[1].field("content-length"), "0");
}

TEST_F(Http2Client, AnswersWithoutContentEndWithTheirHead) {
  connect();
  for (const auto& [method, fields] : std::vector<std::pair<Method, BackendSession::Fields>>{
           {Method::kGet, {{":status", "204"}}},
           {Method::kHead, {{":status", "200"}, {"content-length", "5"}}},
           {Method::kGet, {{":status", "304"}, {"content-length", "5"}}}}) {
    auto stream = get(method);
    backend->head(backend->requests.rbegin()->first, fields, true);
    const Answer got = answer(*stream);
    EXPECT_EQ(got.body, "");
    EXPECT_FALSE(got.error) << got.detail;
  }
}

TEST_F(Http2Client, StreamsShareTheConnectionAndOneWrite) {
  connect();
  auto a = connection->begin();
  auto b = connection->begin();
  Child<Result<void>> first(loop, a->send(head(), std::nullopt, {}, true, seconds(1)));
  Child<Result<void>> second(loop, b->send(head(Method::kGet, "/y"), std::nullopt, {}, true, seconds(1)));
  char none[1];
  EXPECT_EQ(backend->wire->try_read(none).status, IoResult::Status::kWouldBlock)
      << "nothing before the turn's end";
  loop.poll();
  EXPECT_EQ(backend->receive(), 1) << "one write";
  EXPECT_EQ(backend->requests.size(), 2U);
  backend->head(3, kOk, true);
  EXPECT_EQ(answer(*b).status, 200);
  EXPECT_TRUE(answer(*a).waits);
}

TEST_F(Http2Client, ABodyStreamsWithItsPiecesInOrder) {
  connect();
  auto stream = connection->begin();
  const std::string small = "{\"model\":";
  const std::string large(100'000, 'x');
  const std::string_view pieces[] = {small, "\"m\"", large};
  ASSERT_TRUE(run(stream->send(head(Method::kPost), std::nullopt, pieces, false, seconds(1))).value());
  ASSERT_TRUE(run(stream->send_body("tail", true, seconds(1))).value());
  EXPECT_EQ(backend->requests[1].body, small + "\"m\"" + large + "tail");
  EXPECT_TRUE(backend->requests[1].ended);
  EXPECT_EQ(backend->requests[1].field("content-length"), "") << "its length was not known";
}

TEST_F(Http2Client, TrailersFollowTheBody) {
  Headers trailers;
  trailers.add("X-Checksum", "1");
  trailers.add("x-twice", "a");
  trailers.add("x-twice", "b");
  const BackendSession::Fields expected = {{"x-checksum", "1"}, {"x-twice", "a"}, {"x-twice", "b"}};
  const std::string large(5000, 'x');
  // The body in one piece with the head, behind it, with the end alone, and none at all.
  struct Case {
    std::vector<std::string_view> with_head;
    std::optional<std::string_view> behind;
  };
  for (const Case& c : {Case{{"abc", "de"}, std::nullopt}, Case{{large}, std::nullopt}, Case{{"abc"}, large},
                        Case{{"abc"}, ""}, Case{{}, ""}, Case{{}, std::nullopt}}) {
    connect();
    auto stream = connection->begin();
    const bool whole = !c.behind;
    ASSERT_TRUE(run(stream->send(head(Method::kPost), std::nullopt, c.with_head, whole, seconds(1),
                                 whole ? &trailers : nullptr))
                    .value());
    if (c.behind) ASSERT_TRUE(run(stream->send_body(*c.behind, true, seconds(1), &trailers)).value());
    const auto& request = backend->requests[1];
    std::string body;
    for (const std::string_view piece : c.with_head)
      body += piece;
    EXPECT_EQ(request.body, body.append(c.behind.value_or("")));
    EXPECT_EQ(request.trailers, expected);
    EXPECT_EQ(request.field("x-checksum"), "") << "never in the head";
    EXPECT_TRUE(request.ended);
    backend->head(1, kOk, true);
    EXPECT_EQ(answer(*stream).status, 200);
    stream.reset();
    turns();
    EXPECT_FALSE(backend->requests[1].was_reset);
    connection.reset();
  }
}

TEST_F(Http2Client, TrailersWaitBehindABodyThatTheWindowStops) {
  connect(100, 10, false);
  auto stream = connection->begin();
  Headers trailers;
  trailers.add("x-end", "1");
  const std::string body(5000, 'x');
  const std::string_view pieces[] = {"0123456789", body};
  Child<Result<void>> sending(
      loop, stream->send(head(Method::kPost), std::nullopt, pieces, true, seconds(5), &trailers));
  turns();
  EXPECT_FALSE(sending.finished());
  EXPECT_EQ(backend->requests[1].trailers.size(), 0U);
  for (int i = 0; i < 600 && !backend->requests[1].ended; ++i) {
    backend->consume(1, 10);
    turns();
  }
  EXPECT_TRUE(sending.finished());
  EXPECT_EQ(backend->requests[1].body.size(), 5010U);
  EXPECT_EQ(backend->requests[1].trailers.size(), 1U);
}

TEST_F(Http2Client, ABodyIsHeldToItsLength) {
  connect();
  auto stream = connection->begin();
  const std::string_view pieces[] = {"abc"};
  ASSERT_TRUE(run(stream->send(head(Method::kPost), 5, pieces, false, seconds(1))).value());
  const auto sent = run(stream->send_body("too long", true, seconds(1))).value();
  ASSERT_FALSE(sent);
  EXPECT_EQ(sent.error().kind, ErrorKind::kInternal);
}

TEST_F(Http2Client, ABackendThatTakesNoBytesRunsIntoTheStallLimit) {
  connect(100, 10, false);
  auto stream = connection->begin();
  const std::string body(5000, 'x');
  const std::string_view pieces[] = {body};
  Child<Result<void>> sending(loop,
                              stream->send(head(Method::kPost), std::nullopt, pieces, true, seconds(5)));
  turns();
  EXPECT_EQ(backend->requests[1].body.size(), 10U);
  advance(seconds(4));
  EXPECT_FALSE(sending.finished());
  backend->consume(1, 10);
  turns();
  advance(seconds(4));
  EXPECT_FALSE(sending.finished()) << "it moved in between";
  advance(seconds(2));
  ASSERT_TRUE(sending.finished());
  EXPECT_EQ(sending.result()->error().kind, ErrorKind::kUpstreamTimeout);
  EXPECT_TRUE(backend->requests[1].was_reset);
  EXPECT_EQ(answer(*stream).error, ErrorKind::kUpstreamTimeout);
}

TEST_F(Http2Client, ASenderThatLeavesResetsItsStream) {
  connect(100, 10, false);
  auto stream = connection->begin();
  {
    const std::string body(5000, 'x');
    const std::string_view pieces[] = {body};
    Child<Result<void>> sending(loop,
                                stream->send(head(Method::kPost), std::nullopt, pieces, true, seconds(5)));
    turns();
  }
  loop.poll();
  backend->receive();
  EXPECT_TRUE(backend->requests[1].was_reset);
  EXPECT_EQ(backend->requests[1].reset, static_cast<std::uint32_t>(NGHTTP2_CANCEL));
}

TEST_F(Http2Client, AnEarlyAnswerStopsTheRequest) {
  connect(100, 10, false);
  auto stream = connection->begin();
  const std::string body(5000, 'x');
  const std::string_view pieces[] = {body};
  Child<Result<void>> sending(loop,
                              stream->send(head(Method::kPost), std::nullopt, pieces, true, seconds(5)));
  turns();
  backend->head(1, {{":status", "413"}}, true);
  backend->reset(1, NGHTTP2_NO_ERROR);
  turns();
  ASSERT_TRUE(sending.finished());
  EXPECT_EQ(sending.result()->error().kind, ErrorKind::kUpstreamReset);
  const Answer got = answer(*stream);
  EXPECT_EQ(got.status, 413);
  EXPECT_FALSE(got.error) << got.detail;
}

// What destroys the stream, and in which state it is then.
TEST_F(Http2Client, DestroyingAStreamResetsItInTheSameTurn) {
  for (const char* state : {"unsent", "sent", "interim", "head", "body"}) {
    SCOPED_TRACE(state);
    connect();
    auto stream = connection->begin();
    Child<Result<void>> sending(loop, stream->send(head(), std::nullopt, {}, true, seconds(1)));
    const std::string_view s = state;
    if (s != "unsent") turns();
    if (s == "interim") backend->head(1, {{":status", "103"}});
    if (s == "head" || s == "body") backend->head(1, kOk);
    if (s == "body") backend->data(1, "some", false);
    if (s != "unsent") turns();
    stream.reset();
    loop.poll();
    backend->receive();
    if (s == "unsent") {
      EXPECT_TRUE(backend->requests.empty()) << "it never left";
    } else {
      EXPECT_TRUE(backend->requests[1].was_reset);
      EXPECT_EQ(backend->requests[1].reset, static_cast<std::uint32_t>(NGHTTP2_CANCEL));
    }
    EXPECT_EQ(counts.streams.value(), 0);
    EXPECT_GT(connection->room(), 0U) << "the connection serves on";
    connection.reset();
  }
}

// The same while a body is on its way, whatever it waits for.
TEST_F(Http2Client, DestroyingASenderResetsItsStreamInTheSameTurn) {
  for (const char* state : {"unsent", "streaming", "window of 0", "window used up", "connection's window",
                            "trailers wait", "answer arrives"}) {
    SCOPED_TRACE(state);
    const std::string_view s = state;
    connect(100, s == "window of 0" ? 0 : s == "connection's window" ? 1 << 20 : 70'000, false);
    auto stream = connection->begin();
    const std::string body(200'000, 'x');
    const std::string_view pieces[] = {body};
    const std::string_view little[] = {"abc"};
    Headers trailers;
    trailers.add("x-end", "1");
    const bool streaming = s == "streaming" || s == "answer arrives";
    std::optional<Child<Result<void>>> sending;
    if (s == "trailers wait") {
      sending.emplace(loop,
                      stream->send(head(Method::kPost), std::nullopt, pieces, true, seconds(5), &trailers));
    } else {
      sending.emplace(loop,
                      stream->send(head(Method::kPost), std::nullopt,
                                   streaming ? std::span(little) : std::span(pieces), false, seconds(5)));
    }
    if (s != "unsent") turns();
    EXPECT_EQ(sending->finished(), streaming);
    if (s == "answer arrives") {
      backend->head(1, kOk);
      backend->data(1, "early", false);
      turns();
    }
    sending.reset();
    stream.reset();
    loop.poll();
    backend->receive();
    if (s == "unsent") {
      EXPECT_TRUE(backend->requests.empty()) << "it never left";
    } else {
      EXPECT_TRUE(backend->requests[1].was_reset);
      EXPECT_EQ(backend->requests[1].reset, static_cast<std::uint32_t>(NGHTTP2_CANCEL));
      EXPECT_FALSE(backend->requests[1].ended) << "half a request is no whole one";
    }
    EXPECT_EQ(counts.streams.value(), 0);
    EXPECT_FALSE(connection->over());
    connection.reset();
  }
}

TEST_F(Http2Client, ARequestThatWaitsForTheBackendsLimitIsTakenBack) {
  connect(1);
  auto first = get();
  auto second = get();
  EXPECT_EQ(backend->requests.size(), 1U);
  second.reset();
  first.reset();
  turns();
  EXPECT_EQ(backend->requests.size(), 1U) << "it never left";
  auto third = get();
  backend->head(backend->requests.rbegin()->first, kOk, true);
  EXPECT_EQ(answer(*third).status, 200);
}

TEST_F(Http2Client, WhatArrivesForADestroyedStreamIsDropped) {
  connect();
  auto stream = get();
  backend->head(1, kOk);
  backend->data(1, std::string(60'000, 'x'), false);
  stream.reset();
  turns();
  auto next = get();
  backend->head(3, kOk, true);
  EXPECT_EQ(answer(*next).status, 200);
}

TEST_F(Http2Client, AbortWakesWhoeverWaits) {
  connect();
  auto stream = get();
  Child<Result<ResponseHead>> reading(loop, stream->read_head(loop.now() + seconds(60)));
  stream->abort();
  loop.poll();
  ASSERT_TRUE(reading.finished());
  EXPECT_EQ(reading.result()->error().kind, ErrorKind::kUpstreamReset);
  backend->receive();
  EXPECT_TRUE(backend->requests[1].was_reset);
}

TEST_F(Http2Client, DeadlinesBoundTheWaits) {
  connect();
  auto stream = get();
  Child<Result<ResponseHead>> reading(loop, stream->read_head(loop.now() + seconds(2)));
  advance(seconds(3));
  ASSERT_TRUE(reading.finished());
  EXPECT_EQ(reading.result()->error().kind, ErrorKind::kUpstreamTimeout);
  backend->head(1, kOk);
  turns();
  ASSERT_TRUE(run(stream->read_head(kNever)).value());
  Child<Result<BodyPiece>> body(loop, stream->read(loop.now() + seconds(2)));
  advance(seconds(3));
  ASSERT_TRUE(body.finished());
  EXPECT_EQ(body.result()->error().kind, ErrorKind::kUpstreamTimeout);
}

TEST_F(Http2Client, InterimAnswersAreDroppedABoundedNumberOfThem) {
  connect();
  auto good = get();
  for (int i = 0; i < 8; ++i)
    backend->head(1, {{":status", "103"}, {"link", "x"}});
  backend->head(1, kOk, true);
  const Answer got = answer(*good);
  EXPECT_EQ(got.status, 200);
  EXPECT_EQ(got.headers, "content-type: text/plain\r\n");
  auto bad = get();
  for (int i = 0; i < 9; ++i)
    backend->head(3, {{":status", "103"}});
  EXPECT_EQ(answer(*bad).error, ErrorKind::kUpstreamMalformed);
}

TEST_F(Http2Client, ASlowReaderStallsOnlyItself) {
  limits.stream_window = 100'000;
  connect();
  auto slow = get();
  auto quick = get();
  backend->head(1, kOk);
  backend->head(3, kOk);
  const std::string much(300'000, 's');
  backend->data(1, much, true);
  turns();
  EXPECT_EQ(slow->held_bytes(), 100'000U) << "the window bounds what is held";
  EXPECT_EQ(backend->stream_window(1), 0);
  // More than the connection's default window, many times.
  const std::string more(2'000'000, 'q');
  backend->data(3, more, true);
  EXPECT_EQ(answer(*quick).body, more);
  EXPECT_EQ(slow->held_bytes(), 100'000U);
  EXPECT_EQ(answer(*slow).body, much);
}

}  // namespace
}  // namespace sluice::http2::test
