#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "gateway/http/downstream_connection.h"
#include "gateway/http/http2/server_counts.h"
#include "gateway/http/received_bytes.h"
#include "gateway/http/server_limits.h"
#include "gateway/http/stream.h"
#include "gateway/http/tls_accept.h"
#include "gateway/net/listener.h"
#include "gateway/runtime/task_group.h"

namespace sluice {

struct ServerOptions {
  ServerLimits limits;
  std::optional<TlsAcceptOptions> tls = {};  // unset: the listener speaks no TLS
};

// The open connections of one listener on all loops. One more than `max` is closed at once and counted.
// Threads: any.
struct ConnectionLimit {
  std::atomic<std::int64_t> max{20'000};
  std::atomic<std::int64_t> open{0};
};

// One of them, for as long as it lives.
class ConnectionPlace {
 public:
  explicit ConnectionPlace(ConnectionLimit& limit) noexcept : limit_(&limit) {
    limit.open.fetch_add(1, std::memory_order_relaxed);
  }
  ConnectionPlace(ConnectionPlace&& other) noexcept : limit_(std::exchange(other.limit_, nullptr)) {}
  ConnectionPlace& operator=(ConnectionPlace&&) = delete;
  ~ConnectionPlace() {
    if (limit_ != nullptr) limit_->open.fetch_sub(1, std::memory_order_relaxed);
  }

 private:
  ConnectionLimit* limit_;
};

// One listener on one loop: accepts connections and serves their requests with the handler, each connection
// as a task of its own, in HTTP/1 or HTTP/2 as its client chooses. Threads: its loop's only. Destroying it
// stops accepting and cuts every connection.
class Server {
 public:
  Server(Loop& loop, ListenSocket socket, const ServerOptions& options, ConnectionLimit& limit,
         StreamHandler& handler);

  // Accepts from one more socket.
  void listen(ListenSocket socket);
  // For the connections accepted from now on: those that are open keep what they began with.
  void set_options(const ServerOptions& options);
  void set_backlog(int backlog);
  // Stops accepting, closes idle connections and ends each other one after the request under way. One that
  // has not sent its first request yet has kFirstRequestTime for it, a handshake included: its client has
  // just been let in, and a close would look like a refusal.
  void drain();
  static constexpr Duration kFirstRequestTime = std::chrono::seconds(1);

  // The listening sockets, to be handed to another process; they stay this one's.
  std::vector<int> descriptors() const;
  // Unix sockets' files stay when this server ends: another process listens on them.
  void leave_paths() noexcept;

  std::size_t connections() const noexcept { return connections_.size(); }
  std::uint64_t accepted() const noexcept { return accepted_; }
  std::uint64_t refused() const noexcept { return refused_; }
  std::uint64_t accept_failures() const noexcept;
  const TlsCounts& tls_counts() const noexcept { return tls_counts_; }
  const http2::ServerCounts& http2_counts() const noexcept { return http2_counts_; }

 private:
  void accept(std::unique_ptr<Transport> transport);
  Task<void> serve(std::unique_ptr<Transport> transport);
  // What a connection has from its acceptance to its end.
  struct Accepted {
    ConnectionPlace place;
    std::shared_ptr<const ServerOptions> options;
    std::unique_ptr<Transport> transport;
  };
  // Each in a frame of its own, so that a connection pays for one codec only.
  Task<void> serve_http1(Accepted accepted, ReceivedBytes received);
  Task<void> serve_http2(Accepted accepted, ReceivedBytes received);
  Task<void> run(DownstreamConnection& connection);

  Task<std::unique_ptr<Transport>> accept_tls(std::unique_ptr<Transport> transport,
                                              const TlsAcceptOptions& options);
  void end_waiting() noexcept;

  using Connections = IntrusiveList<DownstreamConnection, DownstreamConnection>;

  Loop& loop_;
  std::shared_ptr<const ServerOptions> options_;  // shared with the connections accepted under it
  ConnectionLimit& limit_;
  StreamHandler& handler_;
  std::uint64_t accepted_ = 0;
  std::uint64_t refused_ = 0;
  std::uint64_t past_accept_failures_ = 0;  // of listeners that are closed
  bool draining_ = false;
  TlsCounts tls_counts_;
  IntrusiveList<TlsAccept, TlsAccept> handshakes_;
  http2::ServerCounts http2_counts_;
  Connections open_;
  Timer last_call_;  // ends the connections that have not sent a request, some time after drain()
  TaskGroup connections_;
  std::vector<std::unique_ptr<Listener>> listeners_;
};

}  // namespace sluice
