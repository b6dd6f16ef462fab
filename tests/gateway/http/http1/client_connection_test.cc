#include "gateway/http/http1/client_connection.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "gateway/net/memory_transport.h"
#include "gateway/runtime/child.h"

namespace sluice::http1 {
namespace {

using namespace std::string_view_literals;
using std::chrono::seconds;
using ::testing::HasSubstr;

// A client's connection whose backend is the test.
class Backend {
 public:
  explicit Backend(std::size_t read_limit = SIZE_MAX, std::size_t capacity = 256 * 1024,
                   const HeadLimits& limits = {}) {
    auto [near, far] = MemoryTransport::pair(loop, capacity);
    near->limit_reads(read_limit);
    connection = std::make_unique<ClientConnection>(std::move(near), limits);
    wire = std::move(far);
  }

  static RequestHead head(Method method = Method::kGet, std::string_view path = "/x") {
    RequestHead h;
    h.method = method;
    h.set_authority("backend:80");
    h.set_target(path, "");
    return h;
  }

  // Runs the task as far as it goes without more from outside.
  template <class T>
  std::optional<T> run(Task<T> task) {
    Child<T> child(loop, std::move(task));
    loop.poll();
    return child.result();
  }

  Result<void> send(const RequestHead& h) {
    return *run(connection->send(h, std::nullopt, {}, true, seconds(1)));
  }
  void answer(std::string_view bytes) {
    const std::string_view pieces[] = {bytes};
    ASSERT_EQ(wire->try_write(pieces).bytes, bytes.size());
    loop.poll();
  }
  std::string request() {
    std::string out;
    char buffer[4096];
    for (;;) {
      const IoResult r = wire->try_read(buffer);
      if (r.status != IoResult::Status::kOk) return out;
      out.append(buffer, r.bytes);
      loop.poll();
    }
  }

  // One whole exchange against fixed bytes, after which the backend closes its side or not.
  struct Outcome {
    std::optional<int> status;
    std::string body;
    std::string headers;
    std::string trailers;
    std::optional<ErrorKind> error;
    Retriable retriable = Retriable::kNever;
    bool waits = false;  // neither an end nor an error: more is expected
    bool reusable = false;
  };

  Task<Outcome> exchange() {
    Outcome out;
    Result<ResponseHead> h = co_await connection->read_head(loop.now() + seconds(60));
    if (!h) {
      out.error = h.error().kind;
      out.retriable = h.error().retriable;
      co_return out;
    }
    out.status = h->status;
    h->headers.append_to(out.headers);
    for (;;) {
      const Result<BodyPiece> piece = co_await connection->read(loop.now() + seconds(60));
      if (!piece) {
        out.error = piece.error().kind;
        out.retriable = piece.error().retriable;
        co_return out;
      }
      out.body += piece->bytes;
      if (piece->last) break;
    }
    if (connection->trailers() != nullptr) connection->trailers()->append_to(out.trailers);
    out.reusable = connection->reusable();
    co_return out;
  }

  Outcome get(std::string_view bytes, bool then_close = false, Method method = Method::kGet) {
    EXPECT_TRUE(send(head(method)).has_value());
    answer(bytes);
    if (then_close) wire->close();
    loop.poll();
    Child<Outcome> child(loop, exchange());
    loop.poll();
    if (child.result()) return *child.result();
    Outcome waiting;
    waiting.waits = true;
    return waiting;
  }

  ManualTime time;
  Loop loop{time, 1};
  std::unique_ptr<ClientConnection> connection;
  std::unique_ptr<MemoryTransport> wire;
};

struct Answer {
  const char* name;
  std::string_view bytes;
  int status;
  std::string_view body;
  bool reusable = true;
  bool closes = false;
  Method method = Method::kGet;
};

const std::size_t kReadLimits[] = {SIZE_MAX, 1, 3};

TEST(ClientAnswer, GoodAnswersAreReadWhateverTheirFraming) {
  for (const Answer& c : {
           Answer{"by length", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", 200, "hello"},
           {"empty", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 200, ""},
           {"chunked",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3;x\r\nllo\r\n0\r\n\r\n", 200,
            "hello"},
           {"until close", "HTTP/1.1 200 OK\r\n\r\nhello", 200, "hello", false, true},
           {"until close, nothing", "HTTP/1.1 200 OK\r\n\r\n", 200, "", false, true},
           {"HTTP/1.0", "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", 200, "ok", false},
           {"HTTP/1.0 that keeps alive",
            "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok", 200, "ok"},
           {"one that closes", "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok", 200,
            "ok", false},
           {"204", "HTTP/1.1 204 No Content\r\n\r\n", 204, ""},
           {"204 with a length", "HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n", 204, ""},
           {"304", "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", 304, ""},
           {"HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", 200, "", true, false, Method::kHead},
           {"HEAD of a chunked one", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", 200, "", true,
            false, Method::kHead},
           {"interim answers",
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 404 No\r\n"
            "Content-Length: 0\r\n\r\n",
            404, ""},
           {"spaces before a colon (RFC 9112 5.1)",
            "HTTP/1.1 200 OK\r\nContent-Length \t: 2\r\nX-A : b\r\n\r\nok", 200, "ok"},
           {"no reason", "HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", 200, ""},
       }) {
    for (const std::size_t limit : kReadLimits) {
      SCOPED_TRACE(c.name);
      Backend backend(limit);
      const auto got = backend.get(c.bytes, c.closes, c.method);
      EXPECT_EQ(got.error, std::nullopt);
      EXPECT_EQ(got.status, c.status);
      EXPECT_EQ(got.body, c.body);
      EXPECT_EQ(got.reusable, c.reusable);
    }
  }
}

struct BadAnswer {
  const char* name;
  std::string_view bytes;
  bool in_body = false;
};

TEST(ClientAnswer, AnswersThatBreakTheRulesAreRefused) {
  for (const BadAnswer& c : {
           BadAnswer{"length and chunked",
                     "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
           {"two lengths", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello"},
           {"two equal lengths", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello"},
           {"a bad length", "HTTP/1.1 200 OK\r\nContent-Length: five\r\n\r\nhello"},
           {"an empty length", "HTTP/1.1 200 OK\r\nContent-Length: \r\n\r\nhello"},
           {"a negative length", "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\nhello"},
           {"an unknown coding", "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nhello"},
           {"chunked twice",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n"},
           {"chunked in HTTP/1.0", "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
           {"a 204 that is also chunked and has a length",
            "HTTP/1.1 204 No\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"},
           {"101 unasked", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n"},
           {"bare LF", "HTTP/1.1 200 OK\nContent-Length: 0\n\n"},
           {"one bare LF", "HTTP/1.1 200 OK\r\nContent-Length: 0\n\r\n"},
           {"nothing but a space before a colon", "HTTP/1.1 200 OK\r\n : 0\r\n\r\n"},
           {"a space within a name", "HTTP/1.1 200 OK\r\nContent Length: 0\r\n\r\n"},
           {"a folded line", "HTTP/1.1 200 OK\r\nX: a\r\n b\r\nContent-Length: 0\r\n\r\n"},
           {"NUL in a value", "HTTP/1.1 200 OK\r\nX: a\0b\r\nContent-Length: 0\r\n\r\n"sv},
           {"HTTP/2", "HTTP/2 200\r\n\r\n"},
           {"no HTTP at all", "SSH-2.0-OpenSSH_9.2\r\n"},
           {"an empty line in front", "\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"},
           {"a bad status", "HTTP/1.1 999 OK\r\nContent-Length: 0\r\n\r\n"},
           {"a bad chunk size", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", true},
           {"a bare LF after a chunk size",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\nok\r\n0\r\n\r\n", true},
           {"a chunk too long", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nokay\r\n0\r\n\r\n",
            true},
           {"an overflowing chunk size",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n10000000000000002\r\nok\r\n0\r\n\r\n",
            true},
           {"a bad trailer", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nbad trailer\r\n\r\n",
            true},
       }) {
    for (const std::size_t limit : kReadLimits) {
      SCOPED_TRACE(c.name);
      Backend backend(limit);
      const auto got = backend.get(c.bytes);
      EXPECT_EQ(got.error, ErrorKind::kUpstreamMalformed);
      EXPECT_EQ(got.retriable, Retriable::kNever);
      EXPECT_EQ(got.status.has_value(), c.in_body);
      EXPECT_FALSE(backend.connection->reusable());
    }
  }
}

TEST(ClientAnswer, InterimAnswersAreBounded) {
  std::string eight;
  for (int i = 0; i < 8; ++i)
    eight += "HTTP/1.1 100 Continue\r\n\r\n";
  const std::string end = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
  Backend patient;
  EXPECT_EQ(patient.get(eight + end).status, 200);
  Backend flooded;
  EXPECT_EQ(flooded.get(eight + "HTTP/1.1 102 Processing\r\n\r\n" + end).error,
            ErrorKind::kUpstreamMalformed);
}

TEST(ClientAnswer, HeadLimitsHoldForBackendsToo) {
  HeadLimits limits;
  limits.max_head_bytes = 1'000;
  limits.max_headers = 5;
  Backend large(SIZE_MAX, 256 * 1024, limits);
  EXPECT_EQ(large.get("HTTP/1.1 200 OK\r\nX: " + std::string(1'000, 'x')).error,
            ErrorKind::kUpstreamMalformed);
  Backend many(SIZE_MAX, 256 * 1024, limits);
  EXPECT_EQ(many.get("HTTP/1.1 200 OK\r\na:\r\na:\r\na:\r\na:\r\na:\r\na:\r\n\r\n").error,
            ErrorKind::kUpstreamMalformed);
}

TEST(ClientAnswer, BytesBehindAnAnswerMakeTheConnectionUnusable) {
  for (const std::string_view bytes : {
           "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"sv,
           "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok\r\n"sv,
           "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\nx"sv,
       }) {
    Backend backend;
    const auto got = backend.get(bytes);
    EXPECT_EQ(got.body, "ok");
    EXPECT_FALSE(got.reusable) << bytes;
  }
  for (const auto& [bytes, method] :
       {std::pair{"HTTP/1.1 204 No\r\nContent-Length: 2\r\n\r\nok"sv, Method::kGet},
        std::pair{"HTTP/1.1 304 No\r\nContent-Length: 2\r\n\r\nok"sv, Method::kGet},
        std::pair{"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"sv, Method::kHead}}) {
    Backend backend;
    const auto got = backend.get(bytes, false, method);
    EXPECT_EQ(got.error, std::nullopt);
    EXPECT_EQ(got.body, "") << "no body reaches the client";
    EXPECT_FALSE(got.reusable) << bytes;
  }
}

TEST(ClientAnswer, ACutIsToldApartFromAnEnd) {
  struct Cut {
    const char* name;
    std::string_view bytes;
    ErrorKind error;
    Retriable retriable;
  };
  for (const Cut& c : {
           Cut{"before the answer", "", ErrorKind::kUpstreamReset, Retriable::kAlways},
           {"in the status line", "HTTP/1.1 2", ErrorKind::kUpstreamReset, Retriable::kNever},
           {"in the head", "HTTP/1.1 200 OK\r\nContent-", ErrorKind::kUpstreamReset, Retriable::kNever},
           {"after an interim answer", "HTTP/1.1 100 Continue\r\n\r\n", ErrorKind::kUpstreamReset,
            Retriable::kNever},
           {"in a body of known length", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell",
            ErrorKind::kUpstreamCut, Retriable::kNever},
           {"in a chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhell",
            ErrorKind::kUpstreamCut, Retriable::kNever},
           {"between chunks", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
            ErrorKind::kUpstreamCut, Retriable::kNever},
           {"in front of the last line",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n",
            ErrorKind::kUpstreamCut, Retriable::kNever},
       }) {
    SCOPED_TRACE(c.name);
    Backend backend;
    const auto got = backend.get(c.bytes, true);
    EXPECT_EQ(got.error, c.error);
    EXPECT_EQ(got.retriable, c.retriable);
    EXPECT_FALSE(backend.connection->reusable());
  }
}

TEST(ClientAnswer, AResetInABodyThatEndsByClosingIsACut) {
  Backend backend;
  ASSERT_TRUE(backend.send(Backend::head()).has_value());
  backend.answer("HTTP/1.1 200 OK\r\n\r\npart");
  Child<Backend::Outcome> child(backend.loop, backend.exchange());
  backend.loop.poll();
  EXPECT_FALSE(child.result().has_value());
  backend.wire->reset();
  backend.loop.poll();
  ASSERT_TRUE(child.result().has_value());
  EXPECT_EQ(child.result()->error, ErrorKind::kUpstreamCut);
}

TEST(ClientAnswer, AReusedConnectionThatWasClosedUnderTheRequestSaysSo) {
  Backend backend;
  EXPECT_TRUE(backend.get("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").reusable);
  backend.connection->reset();
  EXPECT_FALSE(backend.connection->reusable());
  const auto got = backend.get("", true);
  EXPECT_EQ(got.error, ErrorKind::kUpstreamReset);
  EXPECT_EQ(got.retriable, Retriable::kReused);
}

TEST(ClientAnswer, WaitsAreBoundedByTheirDeadlines) {
  for (const std::string_view bytes : {""sv, "HTTP/1.1 200"sv, "HTTP/1.1 100 Continue\r\n\r\n"sv,
                                       "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell"sv}) {
    SCOPED_TRACE(bytes);
    Backend backend;
    ASSERT_TRUE(backend.send(Backend::head()).has_value());
    if (!bytes.empty()) backend.answer(bytes);
    Child<Backend::Outcome> child(backend.loop, backend.exchange());
    backend.loop.poll();
    EXPECT_FALSE(child.result().has_value());
    backend.time.advance(seconds(60) + TimerWheel::kTick);
    backend.loop.expire();
    backend.loop.poll();
    ASSERT_TRUE(child.result().has_value());
    EXPECT_EQ(child.result()->error, ErrorKind::kUpstreamTimeout);
    EXPECT_FALSE(backend.connection->reusable());
  }
}

TEST(ClientRequest, TrailersStayBehind) {
  Headers trailers;
  trailers.add("x-role", "admin");
  Backend whole;
  const std::string_view body[] = {"abc"};
  ASSERT_TRUE(*whole.run(
      whole.connection->send(Backend::head(Method::kPost), std::nullopt, body, true, seconds(1), &trailers)));
  EXPECT_TRUE(whole.request().ends_with("\r\n\r\nabc"));
  Backend chunked;
  ASSERT_TRUE(*chunked.run(
      chunked.connection->send(Backend::head(Method::kPost), std::nullopt, body, false, seconds(1))));
  ASSERT_TRUE(*chunked.run(chunked.connection->send_body("de", true, seconds(1), &trailers)));
  EXPECT_TRUE(chunked.request().ends_with("\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"))
      << "servers in use would take them for fields of the head";
}

TEST(ClientAnswer, HopByHopFieldsAndFramingStayBehind) {
  Backend backend;
  const auto got = backend.get(
      "HTTP/1.1 200 OK\r\nConnection: X-Hop\r\nX-Hop: 1\r\nKeep-Alive: timeout=5\r\nUpgrade: h2c\r\n"
      "Transfer-Encoding: chunked\r\nX-Kept: 2\r\nServer: uvicorn\r\n\r\n0\r\nX-Sum: 3\r\nSet-Cookie: "
      "evil\r\n\r\n");
  EXPECT_EQ(got.headers, "X-Kept: 2\r\nServer: uvicorn\r\n");
  EXPECT_EQ(got.trailers, "X-Sum: 3\r\n");
}

TEST(ClientAnswer, ABufferIsHeldOnlyWhileBytesAreUnread) {
  Backend backend;
  auto& buffers = backend.loop.buffers();
  EXPECT_TRUE(backend.get("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").reusable);
  backend.connection->reset();
  EXPECT_EQ(buffers.blocks_in_use(), 0u) << "in the pool";
  ASSERT_TRUE(backend.send(Backend::head()).has_value());
  Child<Backend::Outcome> child(backend.loop, backend.exchange());
  backend.loop.poll();
  EXPECT_EQ(buffers.blocks_in_use(), 0u) << "while it waits for an answer";
  backend.answer("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n");
  EXPECT_EQ(buffers.blocks_in_use(), 0u) << "between two events of a stream";
}

TEST(ClientRequest, AHeadIsWrittenInOneWriteWithItsBody) {
  Backend backend;
  RequestHead head = Backend::head(Method::kPost, "/v1/x");
  head.headers.add("X-A", "1");
  const std::string_view body[] = {"he", "", "llo"};
  const auto sent = backend.run(backend.connection->send(head, std::nullopt, body, true, seconds(1)));
  EXPECT_TRUE(sent->has_value());
  EXPECT_EQ(backend.request(),
            "POST /v1/x HTTP/1.1\r\nhost: backend:80\r\nX-A: 1\r\ncontent-length: 5\r\n\r\nhello");
}

TEST(ClientRequest, MethodsThatAnticipateContentSayThatThereIsNone) {
  for (const auto& [method, expected] :
       {std::pair{Method::kPost, "content-length: 0\r\n"}, std::pair{Method::kPut, "content-length: 0\r\n"},
        std::pair{Method::kPatch, "content-length: 0\r\n"}, std::pair{Method::kGet, ""},
        std::pair{Method::kDelete, ""}}) {
    Backend backend;
    ASSERT_TRUE(backend.send(Backend::head(method)).has_value());
    EXPECT_EQ(backend.request(),
              std::string(name(method)) + " /x HTTP/1.1\r\nhost: backend:80\r\n" + expected + "\r\n");
  }
}

TEST(ClientRequest, ABodyOfUnknownLengthIsChunked) {
  Backend backend;
  const RequestHead head = Backend::head(Method::kPost);
  const std::string_view first[] = {"ab", "c"};
  EXPECT_TRUE(
      backend.run(backend.connection->send(head, std::nullopt, first, false, seconds(1)))->has_value());
  EXPECT_TRUE(
      backend.run(backend.connection->send_body("0123456789abcdef0", false, seconds(1)))->has_value());
  EXPECT_TRUE(backend.run(backend.connection->send_body("", false, seconds(1)))->has_value());
  EXPECT_TRUE(backend.run(backend.connection->send_body("z", true, seconds(1)))->has_value());
  EXPECT_EQ(backend.request(),
            "POST /x HTTP/1.1\r\nhost: backend:80\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n"
            "11\r\n0123456789abcdef0\r\n1\r\nz\r\n0\r\n\r\n");
  backend.answer("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  EXPECT_TRUE(backend.run(backend.exchange())->reusable);
}

TEST(ClientRequest, AnEmptyBodyOfUnknownLengthIsChunkedToo) {
  Backend backend;
  const RequestHead head = Backend::head(Method::kPost);
  EXPECT_TRUE(backend.run(backend.connection->send(head, std::nullopt, {}, false, seconds(1)))->has_value());
  EXPECT_TRUE(backend.run(backend.connection->send_body("", true, seconds(1)))->has_value());
  EXPECT_EQ(backend.request(),
            "POST /x HTTP/1.1\r\nhost: backend:80\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n");
}

TEST(ClientRequest, ABodyThatIsNotAsLongAsItsHeadSaysIsNotSent) {
  const RequestHead head = Backend::head(Method::kPost);
  const std::string_view part[] = {"abc"};
  Backend longer;
  EXPECT_TRUE(longer.run(longer.connection->send(head, 5, part, false, seconds(1)))->has_value());
  const auto too_long = longer.run(longer.connection->send_body("def", true, seconds(1)));
  EXPECT_EQ(too_long->error().kind, ErrorKind::kInternal);
  Backend shorter;
  EXPECT_TRUE(shorter.run(shorter.connection->send(head, 5, part, false, seconds(1)))->has_value());
  const auto too_short = shorter.run(shorter.connection->send_body("d", true, seconds(1)));
  EXPECT_EQ(too_short->error().kind, ErrorKind::kInternal);
  for (Backend* backend : {&longer, &shorter}) {
    EXPECT_THAT(backend->request(), HasSubstr("\r\n\r\nabc"));
    backend->answer("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    EXPECT_FALSE(backend->run(backend->exchange())->reusable);
  }
  Backend exact;
  EXPECT_TRUE(exact.run(exact.connection->send(head, 5, part, false, seconds(1)))->has_value());
  EXPECT_TRUE(exact.run(exact.connection->send_body("de", true, seconds(1)))->has_value());
  EXPECT_THAT(exact.request(), HasSubstr("content-length: 5\r\n\r\nabcde"));
}

TEST(ClientRequest, AnAnswerBeforeTheRequestWasSentWholeIsNotReusable) {
  Backend backend;
  const std::string_view part[] = {"abc"};
  EXPECT_TRUE(backend.run(backend.connection->send(Backend::head(Method::kPost), 5, part, false, seconds(1)))
                  ->has_value());
  backend.answer("HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n");
  const auto got = backend.run(backend.exchange());
  EXPECT_EQ(got->status, 413);
  EXPECT_FALSE(got->reusable);
}

TEST(ClientRequest, AStalledOrClosedBackendEndsTheSending) {
  const std::string body(10'000, 'b');
  const std::string_view pieces[] = {body};
  const RequestHead head = Backend::head(Method::kPost);
  Backend stalled(SIZE_MAX, 1'000);
  Child<Result<void>> sending(stalled.loop,
                              stalled.connection->send(head, std::nullopt, pieces, true, seconds(5)));
  stalled.loop.poll();
  EXPECT_FALSE(sending.result().has_value());
  stalled.time.advance(seconds(5) + TimerWheel::kTick);
  stalled.loop.expire();
  stalled.loop.poll();
  ASSERT_TRUE(sending.result().has_value());
  EXPECT_EQ(sending.result()->error().kind, ErrorKind::kUpstreamTimeout);

  Backend closed(SIZE_MAX, 1'000);
  Child<Result<void>> cut(closed.loop, closed.connection->send(head, std::nullopt, pieces, true, seconds(5)));
  closed.loop.poll();
  closed.wire->close();
  closed.loop.poll();
  ASSERT_TRUE(cut.result().has_value());
  EXPECT_EQ(cut.result()->error().kind, ErrorKind::kUpstreamReset);
  EXPECT_EQ(cut.result()->error().retriable, Retriable::kAlways);
}

TEST(ClientRequest, ASlowBackendGetsEveryByteOnce) {
  Backend backend(SIZE_MAX, 7);
  const std::string_view pieces[] = {"hello ", "world"};
  Child<Result<void>> sending(backend.loop, backend.connection->send(Backend::head(Method::kPost),
                                                                     std::nullopt, pieces, true, seconds(5)));
  EXPECT_EQ(backend.request(),
            "POST /x HTTP/1.1\r\nhost: backend:80\r\ncontent-length: 11\r\n\r\nhello world");
  EXPECT_TRUE(sending.result().has_value());
}

TEST(ClientRequest, AnAnswerCanBeReadWhileTheBodyIsStillBeingSent) {
  Backend backend(SIZE_MAX, 100);
  const std::string body(1'000, 'b');
  const std::string_view pieces[] = {body};
  Child<Result<void>> sending(backend.loop, backend.connection->send(Backend::head(Method::kPost),
                                                                     std::nullopt, pieces, true, seconds(5)));
  Child<Backend::Outcome> reading(backend.loop, backend.exchange());
  backend.loop.poll();
  backend.answer("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
  ASSERT_TRUE(reading.result().has_value());
  EXPECT_EQ(reading.result()->body, "ok");
  EXPECT_FALSE(backend.connection->reusable());
  EXPECT_FALSE(sending.finished());
  EXPECT_THAT(backend.request(), HasSubstr(body));
  EXPECT_TRUE(sending.finished());
  EXPECT_TRUE(backend.connection->reusable());
}

}  // namespace
}  // namespace sluice::http1
