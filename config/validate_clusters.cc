#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "config/validate_sections.h"

// Clusters, each by itself.
namespace sluice::config {
namespace {

// A pool that may hold fewer connections than it keeps open would open and close them in turns.
void check_prewarm(const Pool& pool, const std::string& path, Problems& problems) {
  const std::string prewarm = join_path(path, "prewarm");
  if (problems.failed(prewarm)) return;
  const auto check_below = [&](std::string_view key, std::uint32_t limit) {
    if (pool.prewarm <= limit || problems.failed(join_path(path, key))) return false;
    problems.error(prewarm, fmt::format("must not exceed {} ({}), got {}; lower it, or raise {}", key, limit,
                                        pool.prewarm, key));
    return true;
  };
  if (!check_below("max_idle", pool.max_idle)) check_below("max_connections", pool.max_connections);
}

void warn_about_zone(const Cluster& cluster, const std::string& path, Problems& problems) {
  const auto& zone = cluster.load_balancer.prefer_zone;
  if (!zone || cluster.discovery) return;
  if (std::ranges::find(cluster.endpoints, zone, &Endpoint::zone) != cluster.endpoints.end()) return;
  problems.warning(
      join_path(path, "load_balancer.prefer_zone"),
      fmt::format("no endpoint of the cluster is in zone {}; give endpoints their zone, or leave "
                  "it out",
                  in_quotes(*zone)));
}

void warn_about_http2(const Cluster& cluster, const std::string& path, Problems& problems) {
  if (cluster.protocol != Cluster::Protocol::kHttp1 || cluster.http2 == UpstreamHttp2{}) return;
  problems.warning(join_path(path, "http2"),
                   "has no effect with protocol http1; write protocol h2, h2c or auto, or leave it out");
}

}  // namespace

void validate_endpoints(const std::vector<Endpoint>& endpoints, const std::string& list, Problems& problems) {
  std::unordered_map<Address, std::size_t> first;
  for (std::size_t i = 0; i < endpoints.size(); ++i) {
    const std::string path = item_path(list, i, "address");
    if (problems.failed(path)) continue;
    const auto [it, is_new] = first.emplace(endpoints[i].address, i);
    if (!is_new) {
      complain_of_duplicate(problems, path, endpoints[i].address.to_string(), index_path(list, it->second),
                            "keep one, with the weight of both");
    }
  }
}

void validate_clusters(const Config& config, Problems& problems) {
  for (std::size_t i = 0; i < config.clusters.size(); ++i) {
    const std::string path = index_path("clusters", i);
    validate_endpoints(config.clusters[i].endpoints, join_path(path, "endpoints"), problems);
    check_prewarm(config.clusters[i].pool, join_path(path, "pool"), problems);
  }
}

void warn_about_clusters(const Config& config, Problems& problems) {
  std::set<std::string_view> used;
  for (const Route& route : config.routes) {
    for (const WeightedCluster& cluster : route.clusters)
      used.insert(cluster.name);
  }
  for (std::size_t i = 0; i < config.clusters.size(); ++i) {
    const Cluster& cluster = config.clusters[i];
    const std::string path = index_path("clusters", i);
    if (!used.contains(cluster.name)) {
      problems.warning(join_path(path, "name"),
                       fmt::format("no route uses cluster {}; remove it, or name it in a route's clusters",
                                   in_quotes(cluster.name)));
    }
    warn_about_zone(cluster, path, problems);
    warn_about_http2(cluster, path, problems);
    if (cluster.discovery && cluster.discovery->file && !cluster.discovery->nameservers.empty()) {
      problems.warning(join_path(path, "discovery.nameservers"),
                       "has no effect beside file, which asks no name server; leave it out");
    }
  }
}

}  // namespace sluice::config
