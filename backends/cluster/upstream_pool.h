#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>

#include "backends/cluster/connect_backoff.h"
#include "backends/cluster/multiplexed_pool.h"
#include "backends/cluster/pool_options.h"
#include "gateway/base/address.h"
#include "gateway/base/result.h"
#include "gateway/http/client_stream.h"
#include "gateway/http/http1/client_connection.h"
#include "gateway/net/connector.h"
#include "gateway/runtime/intrusive_list.h"
#include "gateway/runtime/loop.h"
#include "gateway/runtime/signal.h"
#include "gateway/runtime/task.h"
#include "gateway/runtime/task_group.h"

namespace sluice {

// The connections of one shard to one endpoint. A request takes an idle connection (the most recently used),
// opens one, or waits in a bounded queue, first come, first served: a connection or a place that becomes free
// is the first waiter's, and goes to the next one if that waiter has left. An idle connection that becomes
// readable is closed at once: a backend has nothing to say unasked.
//
// Where `prewarm` asks for it the pool opens connections ahead of need, one after the other, from its
// creation on: as many idle ones are there for a burst, whatever becomes of them, while max_connections has
// room for them. A server that refuses them, or closes them unused, is tried again by ConnectBackoff.
//
// All this for HTTP/1, one request on a connection at a time; where the endpoint speaks HTTP/2 the requests
// go to a MultiplexedPool. Where the protocol is kAuto each connection's handshake says which: requests go
// the way of the connection that was opened last, HTTP/2 before there was one, and those that wait follow it.
// Each way has the limits for itself, so that an endpoint that changes its protocol may have twice
// max_connections until the old ones have ended.
//
// Threads: its loop's. Outlives its leases.
class UpstreamPool final : private MultiplexedPool::Http1Pool {
 public:
  class Lease;

  using Observer = PoolObserver;

  UpstreamPool(Loop& loop, Connector& connector, Address address, const PoolOptions& options,
               PoolMetrics metrics);
  ~UpstreamPool();

  // The observer lives as long as the task. Errors: kConnectFailed, kConnectTimeout, kOverloaded (the queue
  // is full, or its deadline passed).
  Task<Result<Lease>> acquire(Duration connect_timeout, TimePoint queue_deadline, Observer& observer);

  // Closes the connections that nobody uses.
  void close_idle() noexcept;
  // No request will come any more: closes the connections that nobody uses, those in use after their request,
  // and opens none ahead of need.
  void retire() noexcept;

  static constexpr Duration kPrewarmConnectTimeout = std::chrono::seconds(5);

 private:
  class Connection;
  class ConnectPlace;
  class Turn;

  void take_http1(std::unique_ptr<Transport> transport) override;
  void speak_h2(std::unique_ptr<Transport> transport);
  Task<Result<Lease>> acquire_slowly(Duration connect_timeout, TimePoint queue_deadline, Observer& observer);
  Task<Result<bool>> wait_for_room(TimePoint queue_deadline);
  Lease take_idle();
  // Null: the connection speaks HTTP/2 and is the other pool's.
  Task<Result<std::unique_ptr<Connection>>> open(Duration connect_timeout);
  Task<void> keep_warm();
  bool wants_warm() const noexcept;
  void add_idle(std::unique_ptr<Connection> connection) noexcept;
  void give_back(std::unique_ptr<Connection> connection) noexcept;
  void forget() noexcept;
  void drop(Connection& connection) noexcept;
  bool has_room() const noexcept;
  void grant_room() noexcept;

  Loop& loop_;
  Connector& connector_;
  Address address_;
  PoolOptions options_;
  PoolMetrics metrics_;
  std::size_t open_ = 0;  // also those being opened
  std::size_t idle_count_ = 0;
  std::size_t waiting_ = 0;
  std::size_t granted_ = 0;                       // promised to waiters that have not run since
  IntrusiveList<Waiter, Waiter> queue_;           // of Turn, longest waiting first
  IntrusiveList<Connection, UpstreamPool> idle_;  // owned; most recently used first
  bool retired_ = false;
  bool speaks_h2_ = false;
  ConnectBackoff warm_backoff_;
  Signal idle_taken_;
  TaskGroup warming_;
  std::optional<MultiplexedPool> multiplexed_;
};

// A connection for one request. Returned to the pool when destroyed if the answer was received whole, closed
// otherwise, which tells the backend at once that nobody waits any more.
class UpstreamPool::Lease {
 public:
  Lease(UpstreamPool& pool, std::unique_ptr<Connection> connection) noexcept;
  explicit Lease(std::unique_ptr<ClientStream> stream) noexcept;
  Lease(Lease&& other) noexcept;
  Lease& operator=(Lease&&) = delete;
  ~Lease();

  ClientStream& stream() noexcept;

 private:
  UpstreamPool* pool_ = nullptr;
  std::unique_ptr<Connection> connection_;
  std::unique_ptr<ClientStream> stream_;  // instead of a connection, where it is one of many
};

}  // namespace sluice
