// A client's connection over HTTP/1.1, without a socket and without a gateway behind it: from the bytes of a
// request to the bytes of its answer, and an event of a stream on its way to the client.

#include <benchmark/benchmark.h>

#include <coroutine>
#include <memory>
#include <string>
#include <utility>

#include "gateway/http/http1/head_parser.h"
#include "gateway/http/http1/server_connection.h"
#include "gateway/runtime/task_group.h"
#include "perf/micro/messages.h"
#include "perf/micro/wire.h"

namespace sluice::micro {
namespace {

ResponseHead answer_head() {
  http1::HeadParser parser(http1::HeadParser::Kind::kResponse, {});
  (void)parser.feed(kAnswerHead);
  ResponseHead head = std::move(parser.response(kAnswerHead)->head);
  head.headers.remove(HeaderId::kContentLength);
  head.headers.add("x-request-id", "01994f0a-6f54-7c3a-a2b1-2f1de6a0c9d4");
  head.headers.add("via", "1.1 sluice");
  return head;
}

class Handler : public StreamHandler {
 public:
  Task<Result<void>> refuse(RefusedRequest) override { return Result<void>(); }

 protected:
  ResponseHead head() const {
    return {.status = 200, .content_length = std::nullopt, .headers = head_.headers.copy(0, 0)};
  }

 private:
  ResponseHead head_ = answer_head();
};

class Answering final : public Handler {
 public:
  int answered = 0;

  Task<Result<void>> serve(ServerStream& stream) override {
    for (bool last = false; !last;) {
      const Result<BodyPiece> piece = co_await stream.body.read();
      if (!piece) co_return fail(piece.error());
      last = piece->last;
    }
    ResponseHead answer = head();
    answer.content_length = body_.size();
    (void)co_await stream.client.start(std::move(answer));
    ++answered;
    co_return co_await stream.client.finish(body_);
  }

 private:
  std::string body_ = answer_body(128);
};

// Begins a stream and leaves it to the benchmark.
class Streaming final : public Handler {
 public:
  ResponseWriter* client = nullptr;

  Task<Result<void>> serve(ServerStream& stream) override {
    (void)co_await stream.client.start(head());
    client = &stream.client;
    co_await std::suspend_always();
    co_return Result<void>();
  }
};

// A connection whose requests a handler gets.
struct Served {
  explicit Served(StreamHandler& handler) {
    auto transport = std::make_unique<Wire>(loop);
    wire = transport.get();
    connection = std::make_unique<http1::ServerConnection>(std::move(transport), limits, handler);
    tasks.spawn(connection->run());
  }

  ManualTime time;
  Loop loop{time, 1};
  ServerLimits limits;
  Wire* wire = nullptr;
  std::unique_ptr<http1::ServerConnection> connection;
  TaskGroup tasks;
};

std::string request() {
  std::string text(kRequestHead);
  return text.replace(text.find(": 84\r\n") + 2, 2, std::to_string(kSmallBody.size())).append(kSmallBody);
}

// parse_request of http1_heads_bench.cc is part of it; the rest is the coroutines, and the answer's head.
void answer_request(benchmark::State& state) {
  Answering handler;
  Served served(handler);
  const std::string text = request();
  for (auto _ : state)
    served.wire->feed(text);
  if (handler.answered != state.iterations()) state.SkipWithError("not answered");
}
BENCHMARK(answer_request);

// As one chunk; its bytes are not copied, so that more of them take no longer.
void write_event(benchmark::State& state) {
  Streaming handler;
  Served served(handler);
  const std::string text = request();
  served.wire->feed(text);
  if (handler.client == nullptr) return state.SkipWithError("no stream");
  for (auto _ : state) {
    auto written = handler.client->write(kEvent);
    if (!written.await_ready() || !written.await_resume()) state.SkipWithError("not written");
  }
}
BENCHMARK(write_event);

}  // namespace
}  // namespace sluice::micro
