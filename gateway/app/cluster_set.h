#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "backends/cluster/endpoint_state.h"
#include "backends/cluster/upstream_cluster.h"
#include "config/config.h"
#include "gateway/app/cluster_connector.h"
#include "gateway/app/cluster_tls.h"
#include "gateway/app/discovered_endpoints.h"
#include "gateway/app/pool_series.h"
#include "gateway/base/metrics.h"
#include "gateway/net/connector.h"
#include "gateway/runtime/loop.h"

namespace sluice {

// The clusters of one shard by their names, made from the configuration and from what discovery found.
// Threads: its loop's.
class ClusterSet {
 public:
  ClusterSet(Loop& loop, Connector& connector, Metrics& metrics, EndpointRegistry& endpoints);

  // Called with every configuration, the contexts of its clusters that speak TLS, and what discovery knows by
  // then. A cluster that did not change stays the same object; one that did becomes another, which takes over
  // the pools of its endpoints, with their idle connections, where the pool's settings and TLS are equal, and
  // goes on with the round of turns.
  void update(const std::vector<config::Cluster>& clusters, const ClusterTlsContexts& tls,
              const DiscoveredEndpoints& discovered = {});

  // Replaces what discovery found for a cluster; nothing if there is none of that name. At once: the next
  // pick sees the new endpoints, streams under way keep theirs, and connections that nobody uses to an
  // endpoint that went are closed. An address that also stands in the configuration is what it says there.
  void set_discovered(std::string_view cluster, std::vector<config::Endpoint> endpoints);

  // Null if there is none of that name. The route tables that lead to a cluster own it together with the set.
  std::shared_ptr<UpstreamCluster> find(std::string_view name) const;

 private:
  struct Entry {
    config::Cluster settings;
    std::vector<config::Endpoint> discovered;
    std::shared_ptr<UpstreamCluster> cluster;
    std::shared_ptr<ClusterConnector> tls;  // shared with its pools; null where no TLS is spoken
  };

  Entry make(const config::Cluster& settings, std::vector<config::Endpoint> discovered, const Entry* old,
             const ClusterTlsContexts& tls);
  // Of what `entry` says, with the pools of `old` where they may go on serving.
  EndpointSet make_endpoints(const Entry& entry, const Entry* old);
  std::shared_ptr<UpstreamPool> make_pool(const Entry& entry, const EndpointState& endpoint);

  Loop& loop_;
  Connector& connector_;
  Metrics& metrics_;
  EndpointRegistry& endpoints_;
  PoolSeriesSet series_;
  std::map<std::string, Entry, std::less<>> clusters_;
};

}  // namespace sluice
