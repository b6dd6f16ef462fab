#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "gateway/base/address.h"
#include "gateway/base/metrics.h"
#include "gateway/base/result.h"
#include "gateway/http/client_stream.h"
#include "gateway/http/http1/client_connection.h"
#include "gateway/net/connector.h"
#include "gateway/runtime/intrusive_list.h"
#include "gateway/runtime/loop.h"
#include "gateway/runtime/task.h"

namespace sluice {

// Settings of a cluster's pool; the configuration names and describes them.
struct PoolOptions {
  std::size_t max_connections = 256;
  std::size_t max_waiting = 512;
  std::size_t max_idle = 64;
  // Below the server's own (vLLM closes after 5 s), so that a connection is rarely closed as a request
  // leaves.
  Duration idle_timeout = std::chrono::seconds(4);
  http1::HeadLimits head = {};
};

struct PoolMetrics {
  Gauge& open;
  Gauge& idle;
  Gauge& waiting;
  Counter& connects;
  Counter& connect_failures;
  Counter& overflows;
};

// The connections of one shard to one endpoint. A request takes an idle connection (the most recently used),
// opens one, or waits in a bounded queue, first come, first served: a connection or a place that becomes free
// is the first waiter's, and goes to the next one if that waiter has left. An idle connection that becomes
// readable is closed at once: a backend has nothing to say unasked. Threads: its loop's. Outlives its leases.
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

 private:
  class Connection;
  class ConnectPlace;
  class Turn;

  Task<Result<Lease>> open(Duration connect_timeout);
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
