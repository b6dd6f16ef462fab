#pragma once

#include <algorithm>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "config/config.h"

namespace sluice {

// What discovery knows, by cluster; a cluster without discovery is not among them.
using DiscoveredEndpoints = std::map<std::string, std::vector<config::Endpoint>, std::less<>>;

// The endpoints that a cluster has: those of its configuration, then the discovered ones whose address does
// not stand there.
inline std::vector<config::Endpoint> effective_endpoints(const config::Cluster& cluster,
                                                         const std::vector<config::Endpoint>& discovered) {
  std::vector<config::Endpoint> all = cluster.endpoints;
  for (const config::Endpoint& e : discovered) {
    if (std::ranges::find(cluster.endpoints, e.address, &config::Endpoint::address) ==
        cluster.endpoints.end())
      all.push_back(e);
  }
  return all;
}

}  // namespace sluice
