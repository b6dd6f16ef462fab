#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "backends/cluster/connect_backoff.h"
#include "gateway/base/address.h"
#include "gateway/base/metrics.h"
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

// Settings of a cluster's pool; the configuration names and describes them.
struct PoolOptions {
  std::size_t max_connections = 256;
  std::size_t max_waiting = 512;
  std::size_t max_idle = 64;
  // Below the server's own (vLLM closes after 5 s), so that a connection is rarely closed as a request
  // leaves.
  Duration idle_timeout = std::chrono::seconds(4);
  // Idle connections kept open ahead of need.
  std::size_t prewarm = 0;
  // A connection serves no request that begins later, less up to a tenth by the loop's dice, so that
  // connections opened together do not end together. 0: no limit.
  Duration max_lifetime = Duration::zero();
  http1::HeadLimits head = {};
};

struct PoolMetrics {
  Gauge& open;
  Gauge& idle;
  Gauge& waiting;
  Counter& connects;
  Counter& connect_failures;
  Counter& overflows;
  Counter& prewarms;  // connections opened ahead of need
  Counter& retired;   // connections closed because of max_lifetime
};

// The connections of one shard to one endpoint. A request takes an idle connection (the most recently used),
// opens one, or waits in a bounded queue, first come, first served: a connection or a place that becomes free
// is the first waiter's, and goes to the next one if that waiter has left. An idle connection that becomes
// readable is closed at once: a backend has nothing to say unasked.
//
// Where `prewarm` asks for it the pool opens connections ahead of need, one after the other, from its
// creation on: as many idle ones are there for a burst, whatever becomes of them, while max_connections has
// room for them. A server that refuses them, or closes them unused, is tried again by ConnectBackoff.
//
// Threads: its loop's. Outlives its leases.
class UpstreamPool {
 public:
  class Lease;

  // Told when a connection is about to be opened for a request.
  class Observer {
   public:
    virtual void on_connecting() noexcept = 0;

   protected:
    ~Observer() = default;
  };

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
  ConnectBackoff warm_backoff_;
  Signal idle_taken_;
  TaskGroup warming_;
};

// A connection for one request. Returned to the pool when destroyed if the answer was received whole, closed
// otherwise, which tells the backend at once that nobody waits any more.
class UpstreamPool::Lease {
 public:
  Lease(UpstreamPool& pool, std::unique_ptr<Connection> connection) noexcept;
  Lease(Lease&& other) noexcept;
  Lease& operator=(Lease&&) = delete;
  ~Lease();

  ClientStream& stream() noexcept;

 private:
  UpstreamPool* pool_;
  std::unique_ptr<Connection> connection_;
};

}  // namespace sluice
