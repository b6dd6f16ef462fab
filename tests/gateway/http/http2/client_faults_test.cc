#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nghttp2/nghttp2.h>

#include <string>
#include <utility>
#include <vector>

#include "tests/gateway/http/http2/client_fixture.h"

namespace sluice::http2::test {
namespace {

using ::testing::HasSubstr;

TEST_F(Http2Client, RefusedAndResetStreamsSayWhetherToTryAgain) {
  struct Case {
    std::uint32_t code;
    bool after_head;
    ErrorKind kind;
    Retriable retriable;
  };
  for (const Case& c : {Case{NGHTTP2_REFUSED_STREAM, false, ErrorKind::kUpstreamReset, Retriable::kAlways},
                        Case{NGHTTP2_INTERNAL_ERROR, false, ErrorKind::kUpstreamReset, Retriable::kNever},
                        Case{NGHTTP2_CANCEL, false, ErrorKind::kUpstreamReset, Retriable::kNever},
                        Case{NGHTTP2_ENHANCE_YOUR_CALM, false, ErrorKind::kUpstreamReset, Retriable::kNever},
                        Case{NGHTTP2_HTTP_1_1_REQUIRED, false, ErrorKind::kUpstreamReset, Retriable::kNever},
                        Case{NGHTTP2_REFUSED_STREAM, true, ErrorKind::kUpstreamCut, Retriable::kNever},
                        Case{NGHTTP2_INTERNAL_ERROR, true, ErrorKind::kUpstreamCut, Retriable::kNever}}) {
    SCOPED_TRACE(c.code);
    connect();
    auto stream = connection->begin();
    const std::string_view body[] = {"a body that was sent"};
    ASSERT_TRUE(run(stream->send(head(Method::kPost), std::nullopt, body, true, seconds(1))).value());
    if (c.after_head) {
      backend->head(1, kOk);
      backend->data(1, "part", false);
    }
    backend->reset(1, c.code);
    const Answer got = answer(*stream);
    EXPECT_EQ(got.error, c.kind);
    EXPECT_EQ(got.retriable, c.retriable);
    EXPECT_EQ(got.body, c.after_head ? "part" : "") << "what came before the reset is handed on";
    stream.reset();
    connection.reset();
  }
  EXPECT_EQ(counts.refused.value(), 2U);
  EXPECT_EQ(counts.resets.value(), 5U);
}

TEST_F(Http2Client, GoawayEndsTheConnectionSoftly) {
  connect();
  auto served = get();
  auto unserved = get();
  backend->goaway(1);
  turns();
  EXPECT_TRUE(connection->draining());
  EXPECT_EQ(connection->room(), 0U);
  EXPECT_FALSE(connection->over());
  const Answer lost = answer(*unserved);
  EXPECT_EQ(lost.error, ErrorKind::kUpstreamReset);
  EXPECT_EQ(lost.retriable, Retriable::kAlways);
  backend->head(1, kOk);
  backend->data(1, "to the end", true);
  EXPECT_EQ(answer(*served).body, "to the end");
  served.reset();
  unserved.reset();
  const int before = changes;
  turns();
  EXPECT_GT(changes, before);
  EXPECT_TRUE(connection->over());
  EXPECT_EQ(counts.goaways.value(), 1U);
  EXPECT_EQ(counts.refused.value(), 1U);
}

TEST_F(Http2Client, ARequestBegunBeforeGoawayAndSentAfterItIsRetriable) {
  connect();
  auto other = get();
  auto stream = connection->begin();
  backend->goaway(1);
  turns();
  (void)run(stream->send(head(), std::nullopt, {}, true, seconds(1)));
  const Answer got = answer(*stream);
  EXPECT_EQ(got.error, ErrorKind::kUpstreamReset);
  EXPECT_EQ(got.retriable, Retriable::kAlways);
}

TEST_F(Http2Client, TheBackendsStreamLimitHolds) {
  connect(2);
  EXPECT_EQ(connection->room(), 2U);
  auto a = get();
  auto b = get();
  EXPECT_EQ(connection->room(), 0U);
  auto c = get();
  EXPECT_EQ(backend->requests.size(), 2U) << "the third waits";
  backend->head(1, kOk, true);
  turns();
  EXPECT_EQ(backend->requests.size(), 3U);
  a.reset();
  b.reset();
  EXPECT_EQ(connection->room(), 1U);
}

TEST_F(Http2Client, AStreamLimitThatIsLoweredHoldsForWhatComesNext) {
  connect(10);
  std::vector<std::unique_ptr<RequestStream>> open;
  for (int i = 0; i < 5; ++i)
    open.push_back(get());
  backend->settings(NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, 2);
  turns();
  EXPECT_EQ(connection->room(), 0U);
  auto late = get();
  EXPECT_EQ(backend->requests.size(), 5U) << "it waits, whoever counted on the old limit";
  for (const int id : {1, 3, 5}) {
    backend->head(id, kOk, true);
    turns();
    EXPECT_EQ(backend->requests.size(), 5U);
  }
  EXPECT_EQ(answer(*open[0]).status, 200) << "those that were open go on";
  backend->head(7, kOk, true);
  turns();
  EXPECT_EQ(backend->requests.size(), 6U);
  backend->settings(NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, 0);
  turns();
  open.clear();
  EXPECT_EQ(connection->room(), 0U);
  EXPECT_FALSE(connection->over()) << "it may be raised again";
  backend->settings(NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, 3);
  turns();
  EXPECT_EQ(connection->room(), 2U);
}

TEST_F(Http2Client, OurOwnStreamLimitHolds) {
  limits.max_streams = 3;
  connect();
  auto a = get();
  EXPECT_EQ(connection->room(), 2U);
}

TEST_F(Http2Client, AClosedConnectionFailsItsStreams) {
  connect();
  auto waiting = get();
  auto reading = get();
  backend->head(3, kOk);
  turns();
  backend->wire->close();
  const Answer first = answer(*waiting);
  EXPECT_EQ(first.error, ErrorKind::kUpstreamReset);
  EXPECT_EQ(first.retriable, Retriable::kAlways);
  const Answer second = answer(*reading);
  EXPECT_EQ(second.error, ErrorKind::kUpstreamCut);
  EXPECT_EQ(second.retriable, Retriable::kNever);
  EXPECT_TRUE(connection->over());
}

TEST_F(Http2Client, AReusedConnectionThatClosesUnderARequestIsNotHeldAgainstTheBackend) {
  connect();
  {
    auto first = get();
    backend->head(1, kOk, true);
    ASSERT_EQ(answer(*first).status, 200);
  }
  auto second = get();
  backend->wire->close();
  EXPECT_EQ(answer(*second).retriable, Retriable::kReused);
}

TEST_F(Http2Client, AnswersThatBreakTheProtocolAreMalformed) {
  using Fields = BackendSession::Fields;
  for (const Fields& fields :
       {Fields{{":status", "200"}, {"Upper", "x"}}, Fields{{":status", "200"}, {"connection", "close"}},
        Fields{{":status", "200"}, {"transfer-encoding", "chunked"}},
        Fields{{":status", "200"}, {"content-length", "x"}},
        Fields{{":status", "200"}, {"content-length", "1"}, {"content-length", "2"}},
        Fields{{":status", "200"}, {"content-length", "9"}}, Fields{{":status", "200"}, {"x", "a\nb"}},
        Fields{{":status", "200"}, {":status", "200"}}, Fields{{":status", "101"}},
        Fields{{":status", "20x"}}, Fields{{":status", "999"}}, Fields{{"x", "no status"}},
        Fields{{":status", "200"}, {":path", "/"}}}) {
    SCOPED_TRACE(fields.back().first + ": " + fields.back().second);
    connect();
    auto stream = get();
    // As raw frames: the server's session would refuse to send some of them.
    std::string block;
    for (const auto& [name, value] : fields) {
      block += '\0';
      block += static_cast<char>(name.size());
      block += name;
      block += static_cast<char>(value.size());
      block += value;
    }
    backend->raw(
        BackendSession::frame(NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS | NGHTTP2_FLAG_END_STREAM, 1, block));
    const Answer got = answer(*stream);
    EXPECT_EQ(got.error, ErrorKind::kUpstreamMalformed) << got.detail;
    EXPECT_EQ(got.retriable, Retriable::kNever);
    EXPECT_FALSE(connection->over()) << "only the stream is";
    stream.reset();
    connection.reset();
  }
}

TEST_F(Http2Client, AnAnswerOfAnotherLengthThanItToldIsCut) {
  connect();
  auto stream = get();
  backend->head(1, {{":status", "200"}, {"content-length", "9"}});
  turns();
  backend->raw(BackendSession::frame(NGHTTP2_DATA, NGHTTP2_FLAG_END_STREAM, 1, "short"));
  const Answer got = answer(*stream);
  EXPECT_EQ(got.error, ErrorKind::kUpstreamCut);
}

TEST_F(Http2Client, HeadsAreBounded) {
  limits.head.max_head_bytes = 2000;
  limits.head.max_headers = 5;
  connect();
  auto large = get();
  backend->head(1, {{":status", "200"}, {"x", std::string(2000, 'x')}}, true);
  Answer got = answer(*large);
  EXPECT_EQ(got.error, ErrorKind::kUpstreamMalformed);
  EXPECT_THAT(got.detail, HasSubstr("too long"));
  auto many = get();
  BackendSession::Fields fields = {{":status", "200"}};
  for (int i = 0; i < 6; ++i)
    fields.emplace_back("x", "y");
  backend->head(3, fields, true);
  got = answer(*many);
  EXPECT_EQ(got.error, ErrorKind::kUpstreamMalformed);
  EXPECT_THAT(got.detail, HasSubstr("too long"));
  auto fine = get();
  fields.pop_back();
  backend->head(5, fields, true);
  EXPECT_EQ(answer(*fine).status, 200);
}

TEST_F(Http2Client, BytesThatAreNoHttp2EndTheConnection) {
  for (const std::string& bytes :
       {std::string("HTTP/1.1 400 Bad Request\r\n\r\n"),
        BackendSession::frame(NGHTTP2_DATA, 0, 0, "on stream zero"),
        BackendSession::frame(NGHTTP2_WINDOW_UPDATE, 0, 0, "short"),
        BackendSession::frame(NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS, 2, "\x88"),
        BackendSession::frame(NGHTTP2_PUSH_PROMISE, NGHTTP2_FLAG_END_HEADERS, 1,
                              std::string("\0\0\0\2\x88", 5)),
        BackendSession::frame(NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS, 1, "\xff\xff\xff\xff\xff")}) {
    SCOPED_TRACE(bytes);
    connect();
    auto stream = get();
    backend->raw(bytes);
    const Answer got = answer(*stream);
    EXPECT_EQ(got.error, ErrorKind::kUpstreamMalformed) << got.detail;
    EXPECT_TRUE(connection->over());
    backend->receive();
    EXPECT_EQ(backend->goaways, 1);
    EXPECT_NE(backend->goaway_code, static_cast<std::uint32_t>(NGHTTP2_NO_ERROR));
    stream.reset();
    connection.reset();
  }
}

TEST_F(Http2Client, FloodsAreCut) {
  const std::pair<const char*, std::string> floods[] = {
      {"PING", BackendSession::frame(NGHTTP2_PING, 0, 0, "12345678")},
      {"SETTINGS", BackendSession::frame(NGHTTP2_SETTINGS, 0, 0, "")},
      {"empty DATA", BackendSession::frame(NGHTTP2_DATA, 0, 1, "")},
      {"RST_STREAM", BackendSession::frame(NGHTTP2_RST_STREAM, 0, 1, std::string("\0\0\0\x8", 4))},
      {"WINDOW_UPDATE", BackendSession::frame(NGHTTP2_WINDOW_UPDATE, 0, 0, std::string("\0\0\0\1", 4))},
      {"interim answers", BackendSession::frame(NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS, 3,
                                                std::string("\0\7:status\003103", 13))},
      {"PRIORITY", BackendSession::frame(NGHTTP2_PRIORITY, 0, 1, std::string("\0\0\0\3\1", 5))}};
  for (const auto& [kind, frame] : floods) {
    SCOPED_TRACE(kind);
    connect();
    auto victim = get();
    auto stream = get();
    backend->head(1, kOk);
    turns();
    for (int i = 0; i < 1100 && !connection->over(); ++i) {
      backend->raw(frame);
      if (i % 100 == 0) loop.poll();
    }
    loop.poll();
    EXPECT_TRUE(connection->over());
    // The test's session would choke on acknowledgements of SETTINGS that it never sent.
    std::string sent(1 << 20, '\0');
    sent.resize(backend->wire->try_read(sent).bytes);
    EXPECT_TRUE(sent.ends_with(std::string("\0\0\0\xb", 4))) << "GOAWAY with ENHANCE_YOUR_CALM";
    EXPECT_EQ(answer(*stream).error, ErrorKind::kUpstreamMalformed);
    victim.reset();
    stream.reset();
    connection.reset();
  }
}

TEST_F(Http2Client, ASilentBackendIsAskedAndGivenUp) {
  connect();
  auto stream = get();
  advance(seconds(31));
  EXPECT_EQ(backend->pings, 1);
  EXPECT_FALSE(connection->over()) << "it answered";
  backend->answer_pings = false;
  advance(seconds(31));
  advance(seconds(5));
  EXPECT_FALSE(connection->over());
  advance(seconds(6));
  EXPECT_TRUE(connection->over());
  EXPECT_EQ(answer(*stream).error, ErrorKind::kUpstreamReset);
  EXPECT_EQ(counts.pings_lost.value(), 1U);
}

TEST_F(Http2Client, TheTimesOfPingsAreTheConfigurations) {
  limits.ping_interval = seconds(5);
  limits.ping_timeout = seconds(1);
  connect();
  backend->answer_pings = false;
  auto waiting = get();
  auto reading = get(Method::kPost);
  backend->head(3, kOk);
  backend->data(3, "part", false);
  turns();
  advance(std::chrono::milliseconds(5020));
  EXPECT_EQ(backend->pings, 1);
  backend->data(3, "more", false);
  turns();
  advance(std::chrono::milliseconds(1020));
  EXPECT_FALSE(connection->over()) << "any byte says that it lives";
  advance(seconds(5));
  EXPECT_EQ(backend->pings, 2);
  Child<Result<ResponseHead>> head_due(loop, waiting->read_head(loop.now() + seconds(600)));
  advance(std::chrono::milliseconds(1020));
  ASSERT_TRUE(head_due.finished()) << "long before its own deadline";
  EXPECT_EQ(head_due.result()->error().kind, ErrorKind::kUpstreamReset);
  EXPECT_TRUE(backend->wire->peer_closed());
  EXPECT_EQ(answer(*reading).error, ErrorKind::kUpstreamCut);
  EXPECT_EQ(counts.pings_lost.value(), 1U);
}

TEST_F(Http2Client, NoPingsIfTheyAreTurnedOff) {
  limits.ping_interval = Duration::zero();
  connect();
  auto stream = get();
  advance(seconds(3600));
  EXPECT_EQ(backend->pings, 0);
  EXPECT_FALSE(connection->over());
}

TEST_F(Http2Client, IdleConnectionsAreAskedOnlyIfConfigured) {
  connect();
  advance(seconds(31));
  advance(seconds(31));
  EXPECT_EQ(backend->pings, 0);
  connection.reset();
  limits.ping_idle = true;
  connect();
  advance(seconds(31));
  EXPECT_EQ(backend->pings, 1);
}

TEST_F(Http2Client, PingsAreAnswered) {
  connect();
  backend->raw(BackendSession::frame(NGHTTP2_PING, 0, 0, "12345678"));
  loop.poll();
  backend->receive();
  EXPECT_EQ(backend->ping_acks, 1);
}

TEST_F(Http2Client, AConnectionThatIsGivenUpSaysGoodbye) {
  connect();
  connection.reset();
  backend->receive();
  EXPECT_EQ(backend->goaways, 1);
  EXPECT_EQ(backend->goaway_code, static_cast<std::uint32_t>(NGHTTP2_NO_ERROR));
}

TEST_F(Http2Client, AnswersInTheSmallestReadsAreTheSame) {
  connect();
  near_end->limit_reads(1);
  auto stream = get();
  backend->head(1, kOk);
  backend->data(1, "byte by byte", true, {{"x-end", "1"}});
  for (int i = 0; i < 400; ++i)
    loop.poll();
  const Answer got = answer(*stream);
  EXPECT_EQ(got.body, "byte by byte");
  EXPECT_EQ(got.trailers, "x-end: 1\r\n");
}

}  // namespace
}  // namespace sluice::http2::test
