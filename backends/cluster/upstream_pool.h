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
#include "gateway/runtime/signal.h"
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
  http1::HeadLimits head;
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
// opens one, or waits in a bounded queue. An idle connection that becomes readable is closed at once: a
// backend has nothing to say unasked. Threads: its loop's. Outlives its leases.
class UpstreamPool {
 public:
  class Lease;

  UpstreamPool(Loop& loop, Connector& connector, Address address, const PoolOptions& options,
               PoolMetrics metrics);
  ~UpstreamPool();

  // `connecting` is set when a connection has to be opened. Errors: kConnectFailed, kConnectTimeout,
  // kOverloaded (the queue is full, or its deadline passed).
  Task<Result<Lease>> acquire(Duration connect_timeout, TimePoint queue_deadline, bool& connecting);

 private:
  class Connection;

  Task<Result<Lease>> open(Duration connect_timeout);
  void give_back(std::unique_ptr<Connection> connection) noexcept;
  void forget() noexcept;
  void drop(Connection& connection) noexcept;

  Loop& loop_;
  Connector& connector_;
  Address address_;
  PoolOptions options_;
  PoolMetrics metrics_;
  std::size_t open_ = 0;  // also those being opened
  std::size_t idle_count_ = 0;
  std::size_t waiting_ = 0;
  Signal room_;
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
