#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "backends/cluster/endpoint_state.h"
#include "backends/cluster/upstream_cluster.h"
#include "config/config.h"
#include "gateway/app/pool_series.h"
#include "gateway/base/metrics.h"
#include "gateway/net/connector.h"
#include "gateway/runtime/loop.h"

namespace sluice {

// The clusters of one shard by their names, made from the configuration.
// Threads: its loop's.
class ClusterSet {
 public:
  ClusterSet(Loop& loop, Connector& connector, Metrics& metrics, EndpointRegistry& endpoints);

  // Called with every configuration. A cluster that did not change stays the same object; one that did
  // becomes another, which takes over the pools of its endpoints, with their idle connections, where the
  // pool's settings are equal.
  void update(const std::vector<config::Cluster>& clusters);

  // Null if there is none of that name. The route tables that lead to a cluster own it together with the set.
  std::shared_ptr<UpstreamCluster> find(std::string_view name) const;

 private:
  struct Entry {
    config::Cluster settings;
    std::shared_ptr<UpstreamCluster> cluster;
  };

  Entry make(const config::Cluster& settings, const Entry* old);
  EndpointSet make_endpoints(const config::Cluster& settings, const Entry* old);
  std::shared_ptr<UpstreamPool> make_pool(const config::Cluster& settings, const EndpointState& endpoint);

  Loop& loop_;
  Connector& connector_;
  EndpointRegistry& endpoints_;
  PoolSeriesSet series_;
  std::map<std::string, Entry, std::less<>> clusters_;
};

}  // namespace sluice
