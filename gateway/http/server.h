#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>

#include "gateway/http/http1/server_connection.h"
#include "gateway/http/stream.h"
#include "gateway/net/listener.h"
#include "gateway/runtime/task_group.h"

namespace sluice {

struct ServerOptions {
  http1::ServerLimits http1;
};

// The open connections of one listener on all loops. One more than `max` is closed at once and counted.
struct ConnectionLimit {
  std::int64_t max = 20'000;
  std::atomic<std::int64_t> open{0};
};

// One listener on one loop: accepts connections and serves their requests with the handler, each connection
// as a task of its own. Threads: its loop's only. Destroying it stops accepting and cuts every connection.
class Server {
 public:
  Server(Loop& loop, HangupWatch& watch, ListenSocket socket, const ServerOptions& options,
         ConnectionLimit& limit, StreamHandler& handler);

  // Stops accepting, closes idle connections and ends each other one after the request under way.
  void drain();

  std::size_t connections() const noexcept { return connections_.size(); }
  std::uint64_t accepted() const noexcept { return accepted_; }
  std::uint64_t refused() const noexcept { return refused_; }
  std::uint64_t accept_failures() const noexcept { return listener_ ? listener_->accept_failures() : 0; }

 private:
  void accept(std::unique_ptr<Transport> transport);
  Task<void> serve(std::unique_ptr<Transport> transport);

  using Connections = IntrusiveList<http1::ServerConnection, Server>;

  ServerOptions options_;
  ConnectionLimit& limit_;
  StreamHandler& handler_;
  std::uint64_t accepted_ = 0;
  std::uint64_t refused_ = 0;
  Connections open_;
  TaskGroup connections_;
  std::optional<Listener> listener_;
};

}  // namespace sluice
