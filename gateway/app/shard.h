#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "backends/cluster/endpoint_state.h"
#include "config/config.h"
#include "gateway/app/cluster_set.h"
#include "gateway/app/discovered_endpoints.h"
#include "gateway/app/exchange_reporter.h"
#include "gateway/app/listener_set.h"
#include "gateway/app/log_sink.h"
#include "gateway/app/shard_log_buffer.h"
#include "gateway/app/trace_queue.h"
#include "gateway/base/metrics.h"
#include "gateway/net/connector.h"
#include "gateway/proxy/proxy.h"
#include "gateway/runtime/lag_probe.h"
#include "gateway/runtime/loop.h"

namespace sluice {

// What all shards share; outlives them.
struct SharedServices {
  const TimeSource& time;
  EndpointRegistry& endpoints;
  StreamLimit& streams;
  LogSink& access_log;
  TraceQueue* traces;  // null: no spans are exported
};

// One exchange in flight, for the operator.
struct StreamSnapshot {
  std::size_t shard;
  std::string id;
  std::string peer;
  std::string method;
  std::string path;
  std::string route;
  std::string model;
  std::string cluster;
  std::string endpoint;
  std::string_view state;
  double age_seconds;
  std::uint64_t response_bytes;
  std::uint64_t events;
  std::uint32_t attempts;
};

// One thread's share of the gateway: a loop with its listeners, chains, pools and metrics. Built and
// destroyed on the main thread while its own does not run; everything else but metrics() and loop().post()
// belongs to its thread.
class Shard {
 public:
  // `matcher` and `tls`: those of `config`, shared by all shards. `discovered`: of its clusters, so far.
  Shard(std::size_t index, const config::Config& config, const DiscoveredEndpoints& discovered,
        std::shared_ptr<const RouteMatcher> matcher, const ClusterTlsContexts& tls,
        const SharedServices& shared, std::uint64_t seed);
  ~Shard();

  // Puts another configuration in the running one's place: new exchanges take its routes and clusters, those
  // in flight keep theirs.
  void configure(const config::Config& config, const DiscoveredEndpoints& discovered,
                 std::shared_ptr<const RouteMatcher> matcher, const ClusterTlsContexts& tls,
                 std::vector<ListenerUpdate> listeners);
  void set_discovered(std::string_view cluster, std::vector<config::Endpoint> endpoints) {
    clusters_.set_discovered(cluster, std::move(endpoints));
  }
  void update_listeners(const config::Config& config, std::vector<ListenerUpdate> listeners);
  // Ends accepting and closes idle connections; exchanges in flight go on.
  void drain();
  // The listening sockets, by listener, and the drain that follows when another process has taken them.
  std::vector<ListenerSet::Socket> sockets() const { return listeners_->sockets(); }
  void hand_over() { listeners_->hand_over(); }

  std::size_t index() const noexcept { return index_; }
  Loop& loop() noexcept { return loop_; }
  const Metrics& metrics() const noexcept { return metrics_; }
  std::vector<StreamSnapshot> streams();
  // Threads: any.
  std::int64_t open_streams() const noexcept { return proxy_->open_streams(); }
  // After limits.max_streams was lowered.
  void trim_places() noexcept { proxy_->trim_places(); }
  // Ends the exchanges of this id in this loop turn: the client sees a cut, the upstream is closed. False if
  // there is none.
  bool kill(std::string_view id) { return proxy_->kill(id); }
  // Brings the gauges that are sampled up to date.
  void sample();

 private:
  // Destroyed from the bottom up: connections and their exchanges first, then chains, then pools, then the
  // loop.
  std::size_t index_;
  Metrics metrics_;
  Loop loop_;
  ShardLogBuffer access_log_;
  ExchangeReporter reporter_;
  SocketConnector connector_;
  ClusterSet clusters_;
  std::unique_ptr<Proxy> proxy_;
  LagProbe lag_probe_;
  std::unique_ptr<ListenerSet> listeners_;
};

}  // namespace sluice
