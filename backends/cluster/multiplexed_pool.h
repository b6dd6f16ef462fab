#pragma once

#include <cstddef>
#include <memory>

#include "backends/cluster/connect_backoff.h"
#include "backends/cluster/pool_options.h"
#include "gateway/base/address.h"
#include "gateway/base/result.h"
#include "gateway/http/client_stream.h"
#include "gateway/net/connector.h"
#include "gateway/runtime/intrusive_list.h"
#include "gateway/runtime/loop.h"
#include "gateway/runtime/signal.h"
#include "gateway/runtime/task.h"
#include "gateway/runtime/task_group.h"

namespace sluice {

// The HTTP/2 connections of one shard to one endpoint. A request goes to a connection with room for another
// stream. Where there is none it waits in a bounded queue, first come, first served, while as many
// connections are opened, within max_connections, as those who wait need: a burst at first shares a
// connection instead of opening one for each. A connection that said GOAWAY, or is too old, takes no new
// streams and ends with its last.
//
// `prewarm` counts connections that are open, since each has room for many requests.
//
// Threads: its loop's. Outlives its streams.
class MultiplexedPool {
 public:
  MultiplexedPool(Loop& loop, Connector& connector, const Address& address, const PoolOptions& options,
                  const PoolMetrics& metrics);
  MultiplexedPool(const MultiplexedPool&) = delete;
  MultiplexedPool& operator=(const MultiplexedPool&) = delete;
  ~MultiplexedPool();

  // As UpstreamPool::acquire. Who waits for a connection that cannot be opened gets its error.
  Task<Result<std::unique_ptr<ClientStream>>> acquire(Duration connect_timeout, TimePoint queue_deadline,
                                                      PoolObserver& observer);
  void close_idle() noexcept;
  void retire() noexcept;

 private:
  class Connection;
  class ConnectPlace;
  class Turn;

  Connection* with_room() noexcept;
  void serve();
  void grow();
  Task<void> connect();
  Task<bool> open(Duration connect_timeout);
  Task<void> keep_warm();
  void fail_waiting(const Error& error);
  void on_change(Connection& connection);
  void remove(Connection& connection) noexcept;
  TimePoint expiry() noexcept;

  Loop& loop_;
  Connector& connector_;
  const Address& address_;
  const PoolOptions& options_;
  const PoolMetrics& metrics_;
  std::size_t open_ = 0;  // also those being opened
  std::size_t connecting_ = 0;
  std::size_t idle_count_ = 0;
  std::size_t waiting_ = 0;
  bool retired_ = false;
  Duration connect_timeout_{};                              // of the request that asked last
  IntrusiveList<Waiter, Waiter> queue_;                     // of Turn, longest waiting first
  IntrusiveList<Connection, MultiplexedPool> connections_;  // owned
  ConnectBackoff warm_backoff_;
  Signal closed_;
  TaskGroup tasks_;
};

}  // namespace sluice
