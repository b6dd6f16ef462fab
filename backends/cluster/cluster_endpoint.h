#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "backends/cluster/endpoint_state.h"
#include "backends/cluster/upstream_pool.h"

namespace sluice {

// One shard's view of an endpoint. An attempt holds it until it ends, also when the cluster has dropped the
// endpoint since. Immutable: an endpoint whose weight changes becomes another object with the same state and
// pool. Threads: its shard's.
struct ClusterEndpoint {
  std::shared_ptr<EndpointState> state;  // shared with the other shards and the registry
  std::uint32_t weight = 1;
  std::optional<std::string> zone = {};
  std::vector<std::string> tags = {};
  std::shared_ptr<UpstreamPool> pool = {};
};

using EndpointSet = std::vector<std::shared_ptr<const ClusterEndpoint>>;

}  // namespace sluice
