#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "gateway/http/http2/client_connection.h"
#include "gateway/http/http2/request_stream.h"
#include "gateway/net/memory_transport.h"
#include "gateway/runtime/child.h"
#include "tests/gateway/http/http2/backend_session.h"

namespace sluice::http2::test {

using std::chrono::seconds;

inline const BackendSession::Fields kOk = {{":status", "200"}, {"content-type", "text/plain"}};

inline RequestHead head(Method method = Method::kGet, std::string_view path = "/x") {
  RequestHead h;
  h.method = method;
  h.set_authority("backend:80");
  h.set_target(path, "?q=1");
  return h;
}

// A connection whose backend is the test. Whatever a case leaves open is closed in order.
class Http2Client : public ::testing::Test, public ClientConnection::Owner {
 protected:
  struct Counts {
    Gauge streams;
    Counter goaways, refused, resets, pings_lost, protocol_errors;
  };
  struct Answer {
    int status = 0;
    std::string headers;
    std::optional<std::uint64_t> length;
    std::string body;
    std::string trailers;
    std::optional<ErrorKind> error;
    std::string detail;
    Retriable retriable = Retriable::kNever;
    bool waits = false;
  };

  void connect(std::uint32_t max_streams = 100, std::uint32_t window = 65535, bool reads_bodies = true,
               std::size_t capacity = 4 << 20) {
    auto [near, far] = MemoryTransport::pair(loop, capacity);
    near_end = near.get();
    connection = std::make_unique<ClientConnection>(
        std::move(near), limits,
        ClientCounts{counts.streams, counts.goaways, counts.refused, counts.resets, counts.pings_lost,
                     counts.protocol_errors},
        "http", *this);
    backend.emplace(std::move(far), max_streams, window, reads_bodies);
    turns();
  }
  // Both sides until neither has anything to say; no time passes.
  void turns() {
    for (int i = 0; i < 20; ++i) {
      loop.poll();
      backend->receive();
      backend->send();
    }
    loop.poll();
  }
  void advance(Duration by) {
    time.advance(by);
    loop.expire();
    turns();
  }

  template <class T>
  std::optional<T> run(Task<T> task) {
    Child<T> child(loop, std::move(task));
    turns();
    return child.result();
  }

  std::unique_ptr<RequestStream> get(Method method = Method::kGet) {
    auto stream = connection->begin();
    EXPECT_TRUE(run(stream->send(head(method), std::nullopt, {}, true, seconds(1))).value().has_value());
    return stream;
  }

  static Task<Answer> read_all(Loop& loop, RequestStream& stream) {
    Answer out;
    const auto failed = [&out](const Error& error) {
      out.error = error.kind;
      out.detail = error.detail();
      out.retriable = error.retriable;
    };
    Result<ResponseHead> h = co_await stream.read_head(loop.now() + seconds(600));
    if (!h) {
      failed(h.error());
      co_return out;
    }
    out.status = h->status;
    out.length = h->content_length;
    h->headers.append_to(out.headers);
    for (;;) {
      const Result<BodyPiece> piece = co_await stream.read(loop.now() + seconds(600));
      if (!piece) {
        failed(piece.error());
        co_return out;
      }
      out.body += piece->bytes;
      if (piece->last) break;
    }
    stream.trailers()->append_to(out.trailers);
    co_return out;
  }
  Answer answer(RequestStream& stream) {
    std::optional<Answer> out = run(read_all(loop, stream));
    if (out) return *out;
    Answer waiting;
    waiting.waits = true;
    return waiting;
  }
  void on_connection_changed(ClientConnection&) override { ++changes; }

  ManualTime time;
  Loop loop{time, 1};
  Counts counts;
  ClientLimits limits;
  MemoryTransport* near_end = nullptr;
  std::unique_ptr<ClientConnection> connection;
  std::optional<BackendSession> backend;
  int changes = 0;
};

}  // namespace sluice::http2::test
