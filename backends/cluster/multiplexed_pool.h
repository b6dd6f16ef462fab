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
// Where the protocol is kAuto, a connection whose handshake chose HTTP/1.1 is handed to an Http1Pool, and
// those who wait here with it; until adopt() brings a connection that speaks HTTP/2, none is opened ahead of
// need.
//
// Threads: its loop's. Outlives its streams.
class MultiplexedPool {
 public:
  // Whoever keeps the connections that speak HTTP/1.1.
  class Http1Pool {
   public:
    virtual void take_http1(std::unique_ptr<Transport> transport) = 0;

   protected:
    ~Http1Pool() = default;
  };

  MultiplexedPool(Loop& loop, Connector& connector, const Address& address, const PoolOptions& options,
                  const PoolMetrics& metrics, Http1Pool& http1);
  MultiplexedPool(const MultiplexedPool&) = delete;
  MultiplexedPool& operator=(const MultiplexedPool&) = delete;
  ~MultiplexedPool();

  // As UpstreamPool::acquire. Who waits for a connection that cannot be opened gets its error. Null: the
  // endpoint turned out to speak HTTP/1.1.
  Task<Result<std::unique_ptr<ClientStream>>> acquire(Duration connect_timeout, TimePoint queue_deadline,
                                                      PoolObserver& observer);
  // A connection on which HTTP/2 was agreed.
  void adopt(std::unique_ptr<Transport> transport);
  void close_idle() noexcept;
  void retire() noexcept;

 private:
  class Connection;
  class ConnectPlace;
  class Turn;

  Connection* with_room() noexcept;
  // Requests for which one connection is opened; it may turn out to take fewer.
  std::size_t streams_per_connect() const noexcept;
  void serve();
  void grow();
  Task<void> connect();
  Task<bool> open(Duration connect_timeout);
  Task<void> keep_warm();
  void add(std::unique_ptr<Transport> transport);
  void speak_http1(std::unique_ptr<Transport> transport);
  void fail_waiting(const Error& error);
  void on_change(Connection& connection);
  void remove(Connection& connection) noexcept;
  TimePoint expiry() noexcept;

  Loop& loop_;
  Connector& connector_;
  const Address& address_;
  const PoolOptions& options_;
  const PoolMetrics& metrics_;
  Http1Pool& http1_;
  std::size_t open_ = 0;  // also those being opened
  std::size_t connecting_ = 0;
  std::size_t idle_count_ = 0;
  std::size_t waiting_ = 0;
  bool retired_ = false;
  bool speaks_http1_ = false;                               // the last handshake chose it
  Duration connect_timeout_{};                              // of the request that asked last
  IntrusiveList<Waiter, Waiter> queue_;                     // of Turn, longest waiting first
  IntrusiveList<Connection, MultiplexedPool> connections_;  // owned
  ConnectBackoff warm_backoff_;
  Signal closed_;
  TaskGroup tasks_;
};

}  // namespace sluice
