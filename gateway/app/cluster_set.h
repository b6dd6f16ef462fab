#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "backends/cluster/endpoint_state.h"
#include "backends/cluster/upstream_cluster.h"
#include "config/config.h"
#include "gateway/base/metrics.h"
#include "gateway/net/connector.h"
#include "gateway/runtime/loop.h"

namespace sluice {

// The clusters of one shard by their names, made from the configuration. Threads: its loop's.
class ClusterSet {
 public:
  ClusterSet(Loop& loop, Connector& connector, Metrics& metrics, EndpointRegistry& endpoints);

  void update(const std::vector<config::Cluster>& clusters);

  // Null if there is none of that name. The route tables that lead to a cluster own it together with the set.
  std::shared_ptr<UpstreamCluster> find(std::string_view name) const;

 private:
  std::shared_ptr<UpstreamCluster> make(const config::Cluster& cluster);

  Loop& loop_;
  Connector& connector_;
  Metrics& metrics_;
  EndpointRegistry& endpoints_;
  std::map<std::string, std::shared_ptr<UpstreamCluster>, std::less<>> clusters_;
};

}  // namespace sluice
