#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gateway/http/http1/server_connection.h"
#include "gateway/net/memory_transport.h"
#include "gateway/runtime/task_group.h"

namespace sluice::http1 {

// Answers every request with 200 and what it read of it, a body that fails with that error's status, or does
// what the test's script says; notes what it saw.
class RecordingHandler final : public StreamHandler {
 public:
  using Script = std::function<Task<Result<void>>(ServerStream&)>;

  Script script;                  // null: record_and_answer
  std::vector<std::string> seen;  // "POST /path?query body", or "POST /path !error_name"
  std::vector<std::string> headers;
  std::vector<std::string> trailers;
  std::vector<ErrorKind> refused;

  Task<Result<void>> serve(ServerStream& stream) override {
    return script ? script(stream) : record_and_answer(stream);
  }

  Task<Result<void>> refuse(RefusedRequest request) override {
    refused.push_back(request.error.kind);
    ResponseHead head;
    head.status = traits(request.error.kind).status;
    head.content_length = 0;
    (void)co_await request.client.start(std::move(head));
    co_return co_await request.client.finish({});
  }

  Task<Result<void>> record_and_answer(ServerStream& s) {
    std::string line(name(s.head.method));
    line.append(" ").append(s.head.path()).append(s.head.query()).append(" ");
    headers.emplace_back("host: " + std::string(s.head.authority()) + "\r\n");
    s.head.headers.append_to(headers.back());
    ResponseHead head;
    std::string body;
    std::optional<ErrorKind> error;
    for (;;) {
      const Result<BodyPiece> piece = co_await s.body.read();
      if (!piece) {
        error = piece.error().kind;
        break;
      }
      body.append(piece->bytes);
      if (piece->last) break;
    }
    seen.push_back(error ? line + "!" + std::string(traits(*error).name) : line + body);
    if (error == ErrorKind::kClientGone) co_return fail(*error, "");
    trailers.emplace_back();
    if (s.body.trailers() != nullptr) s.body.trailers()->append_to(trailers.back());
    const std::string answer = seen.back();
    head.status = error ? traits(*error).status : 200;
    head.content_length = answer.size();
    (void)co_await s.client.start(std::move(head));
    co_return co_await s.client.finish(answer);
  }
};

// A server's connection on a memory transport and manual time, driven from the client's end.
class ServedConnection {
 public:
  enum class End { kOpen, kClosed, kReset };

  explicit ServedConnection(const ServerLimits& server_limits = {}, std::size_t read_limit = SIZE_MAX,
                            std::size_t capacity = 1024 * 1024)
      : limits(server_limits) {
    auto [near, far] = MemoryTransport::pair(loop, capacity);
    client = std::move(near);
    far->limit_reads(read_limit);
    connection = std::make_unique<ServerConnection>(std::move(far), limits, handler);
    tasks.spawn(connection->run());
    loop.poll();
  }

  // False if the server's end takes no more.
  bool send(std::string_view bytes) {
    const std::string_view pieces[] = {bytes};
    const IoResult r = client->try_write(pieces);
    loop.poll();
    drain();
    return r.status == IoResult::Status::kOk && r.bytes == bytes.size();
  }
  // Reads what is there into `received`.
  void drain() {
    char buffer[16 * 1024];
    for (;;) {
      const IoResult r = client->try_read(buffer);
      if (r.status == IoResult::Status::kEnd) end = End::kClosed;
      if (r.status == IoResult::Status::kBroken) end = End::kReset;
      if (r.status != IoResult::Status::kOk) return;
      received.append(buffer, r.bytes);
      loop.poll();
    }
  }
  // What came since the last take().
  std::string take() {
    drain();
    return std::exchange(received, {});
  }
  void leave() {
    client->close();
    loop.poll();
  }
  void advance(Duration by) {
    time.advance(by);
    loop.expire();
    loop.poll();
    drain();
  }
  // The statuses of the answers in `received`, whose bodies never hold a status line.
  std::vector<int> statuses() const {
    constexpr std::string_view kStart = "HTTP/1.1 ";
    std::vector<int> out;
    for (std::size_t at = received.find(kStart); at != std::string::npos; at = received.find(kStart, at + 1))
      out.push_back(std::stoi(received.substr(at + kStart.size(), 3)));
    return out;
  }
  // The connection has ended and nothing of it is left.
  bool gone() {
    if (tasks.size() != 0) return false;
    connection.reset();
    return loop.buffers().blocks_in_use() == 0;
  }

  ManualTime time;
  Loop loop{time, 1};
  ServerLimits limits;
  RecordingHandler handler;
  std::unique_ptr<MemoryTransport> client;
  std::unique_ptr<ServerConnection> connection;
  TaskGroup tasks;
  std::string received;
  End end = End::kOpen;
};

}  // namespace sluice::http1
