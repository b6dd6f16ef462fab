#include "gateway/app/cluster_set.h"

#include <utility>

namespace sluice {
namespace {

std::unique_ptr<LoadBalancer> make_balancer(config::LoadBalancer::Policy policy) {
  switch (policy) {
    case config::LoadBalancer::Policy::kRoundRobin:
      return make_round_robin();
    default:
      break;
  }
  return make_least_loaded();
}

PoolMetrics pool_metrics(Metrics& metrics, const std::string& cluster, const std::string& endpoint) {
  const Labels labels{{"cluster", cluster}, {"endpoint", endpoint}};
  return {
      metrics.gauge("sluice_upstream_connections", "Connections to an endpoint, also those being opened.",
                    labels),
      metrics.gauge("sluice_upstream_connections_idle", "Connections kept for a next request.", labels),
      metrics.gauge("sluice_upstream_waiting", "Requests that wait for a connection.", labels),
      metrics.counter("sluice_upstream_connects_total", "Connections begun.", labels),
      metrics.counter("sluice_upstream_connect_failures_total", "Connections refused or timed out.", labels),
      metrics.counter("sluice_upstream_overflows_total",
                      "Requests that found no connection and no room to wait.", labels)};
}

}  // namespace

ClusterSet::ClusterSet(Loop& loop, Connector& connector, Metrics& metrics, EndpointRegistry& endpoints)
    : loop_(loop), connector_(connector), metrics_(metrics), endpoints_(endpoints) {}

void ClusterSet::update(const std::vector<config::Cluster>& clusters) {
  std::map<std::string, std::shared_ptr<UpstreamCluster>, std::less<>> updated;
  for (const config::Cluster& c : clusters)
    updated.emplace(c.name, make(c));
  clusters_ = std::move(updated);
}

std::shared_ptr<UpstreamCluster> ClusterSet::find(std::string_view name) const {
  const auto found = clusters_.find(name);
  return found == clusters_.end() ? nullptr : found->second;
}

std::shared_ptr<UpstreamCluster> ClusterSet::make(const config::Cluster& c) {
  PoolOptions pool;
  pool.max_connections = c.pool.max_connections;
  pool.max_waiting = c.pool.max_waiting;
  pool.max_idle = c.pool.max_idle;
  pool.idle_timeout = c.pool.idle_timeout;
  std::vector<UpstreamCluster::Endpoint> endpoints;
  for (const config::Endpoint& e : c.endpoints) {
    auto state = endpoints_.get(c.name, e.address);
    auto metrics = pool_metrics(metrics_, c.name, state->name);
    endpoints.push_back(
        {state, e.weight, std::make_unique<UpstreamPool>(loop_, connector_, e.address, pool, metrics)});
  }
  return std::make_shared<UpstreamCluster>(loop_, c.name, std::move(endpoints),
                                           make_balancer(c.load_balancer.policy));
}

}  // namespace sluice
