#include "gateway/app/cluster_set.h"

#include <algorithm>
#include <set>
#include <utility>

namespace sluice {
namespace {

BalancerPolicy balancer_policy(config::LoadBalancer::Policy policy) {
  switch (policy) {
    case config::LoadBalancer::Policy::kRoundRobin:
      return BalancerPolicy::kRoundRobin;
    case config::LoadBalancer::Policy::kLeastLoaded:
      return BalancerPolicy::kLeastLoaded;
    case config::LoadBalancer::Policy::kRingHash:
      return BalancerPolicy::kRingHash;
    case config::LoadBalancer::Policy::kMaglev:
      return BalancerPolicy::kMaglev;
  }
  std::unreachable();
}

HashSource hash_source(const config::HashKey& key) {
  if (key.header) return {HashSource::Kind::kHeader, *key.header};
  if (key.cookie) return {HashSource::Kind::kCookie, *key.cookie};
  if (key.member) return {HashSource::Kind::kMember, *key.member};
  return {HashSource::Kind::kAddress, {}};
}

ClusterPolicy cluster_policy(const config::LoadBalancer& balancer) {
  ClusterPolicy policy{.balancer = balancer_policy(balancer.policy), .prefer_zone = balancer.prefer_zone};
  for (const config::HashKey& key : balancer.hash_by)
    policy.hash_by.push_back(hash_source(key));
  return policy;
}

UpstreamProtocol upstream_protocol(config::Cluster::Protocol protocol) {
  switch (protocol) {
    case config::Cluster::Protocol::kHttp1:
      return UpstreamProtocol::kHttp1;
    case config::Cluster::Protocol::kH2c:
      return UpstreamProtocol::kH2c;
    case config::Cluster::Protocol::kH2:
      return UpstreamProtocol::kH2;
    case config::Cluster::Protocol::kAuto:
      return UpstreamProtocol::kAuto;
  }
  std::unreachable();
}

http2::ClientLimits http2_limits(const config::UpstreamHttp2& settings, const Loop& loop) {
  http2::ClientLimits limits;
  limits.max_streams = settings.max_streams;
  limits.stream_window =
      settings.stream_window.value_or(static_cast<std::uint32_t>(loop.buffers().large_bytes()));
  limits.connection_window = settings.connection_window;
  limits.ping_interval = settings.ping_interval;
  limits.ping_timeout = settings.ping_timeout;
  limits.ping_idle = settings.ping_idle;
  return limits;
}

// A pool with the series it counts in and what it connects with, which end after it.
struct CountedPool {
  std::shared_ptr<ClusterConnector> tls;
  std::shared_ptr<PoolSeries> series;
  UpstreamPool pool;
};

// A stream that is still on a dropped endpoint holds its pool, which would keep connections open beside the
// stream's.
void retire_dropped(const EndpointSet& before, const EndpointSet& after) {
  std::set<const UpstreamPool*> kept;
  for (const auto& endpoint : after)
    kept.insert(endpoint->pool.get());
  for (const auto& endpoint : before) {
    if (!kept.contains(endpoint->pool.get())) endpoint->pool->retire();
  }
}

}  // namespace

ClusterSet::ClusterSet(Loop& loop, Connector& connector, Metrics& metrics, EndpointRegistry& endpoints)
    : loop_(loop), connector_(connector), metrics_(metrics), endpoints_(endpoints), series_(metrics) {}

void ClusterSet::update(const std::vector<config::Cluster>& clusters, const ClusterTlsContexts& tls,
                        const DiscoveredEndpoints& discovered) {
  std::map<std::string, Entry, std::less<>> updated;
  for (const config::Cluster& c : clusters) {
    const auto old = clusters_.find(c.name);
    const Entry* running = old == clusters_.end() ? nullptr : &old->second;
    const auto known = discovered.find(c.name);
    std::vector<config::Endpoint> found;
    if (known != discovered.end()) found = known->second;
    const bool unchanged = running != nullptr && running->settings == c && running->discovered == found;
    updated.emplace(c.name, unchanged ? *running : make(c, std::move(found), running, tls));
  }
  for (const auto& [name, entry] : clusters_) {
    const auto next = updated.find(name);
    retire_dropped(entry.cluster->endpoints(),
                   next == updated.end() ? EndpointSet{} : next->second.cluster->endpoints());
  }
  clusters_ = std::move(updated);
  series_.forget_dead();
}

void ClusterSet::set_discovered(std::string_view cluster, std::vector<config::Endpoint> endpoints) {
  const auto found = clusters_.find(cluster);
  if (found == clusters_.end() || found->second.discovered == endpoints) return;
  Entry& entry = found->second;
  const EndpointSet before = entry.cluster->endpoints();
  entry.discovered = std::move(endpoints);
  entry.cluster->set_endpoints(make_endpoints(entry, &entry));
  retire_dropped(before, entry.cluster->endpoints());
  series_.forget_dead();
}

std::shared_ptr<UpstreamCluster> ClusterSet::find(std::string_view name) const {
  const auto found = clusters_.find(name);
  return found == clusters_.end() ? nullptr : found->second.cluster;
}

ClusterSet::Entry ClusterSet::make(const config::Cluster& settings, std::vector<config::Endpoint> discovered,
                                   const Entry* old, const ClusterTlsContexts& tls) {
  Entry entry{settings, std::move(discovered), nullptr, nullptr};
  if (settings.tls) {
    const bool kept =
        old != nullptr && old->settings.tls == settings.tls && old->settings.protocol == settings.protocol;
    entry.tls = kept ? old->tls : std::make_shared<ClusterConnector>(connector_, metrics_, settings, tls);
  }
  entry.cluster = std::make_shared<UpstreamCluster>(loop_, settings.name, make_endpoints(entry, old),
                                                    cluster_policy(settings.load_balancer));
  if (old != nullptr) entry.cluster->take_over_turns(*old->cluster);
  return entry;
}

EndpointSet ClusterSet::make_endpoints(const Entry& entry, const Entry* old) {
  const config::Cluster& settings = entry.settings;
  // The pools that may go on serving, by the state of their endpoint.
  std::map<const EndpointState*, std::shared_ptr<UpstreamPool>> pools;
  if (old != nullptr && old->settings.pool == settings.pool && old->settings.tls == settings.tls &&
      old->settings.protocol == settings.protocol && old->settings.http2 == settings.http2) {
    for (const auto& endpoint : old->cluster->endpoints())
      pools.emplace(endpoint->state.get(), endpoint->pool);
  }
  EndpointSet set;
  for (const config::Endpoint& e : effective_endpoints(settings, entry.discovered)) {
    auto state = endpoints_.get(settings.name, e.address);
    auto& pool = pools[state.get()];
    if (pool == nullptr) pool = make_pool(entry, *state);
    set.push_back(std::make_shared<const ClusterEndpoint>(
        ClusterEndpoint{.state = state, .weight = e.weight, .zone = e.zone, .tags = e.tags, .pool = pool}));
  }
  return set;
}

std::shared_ptr<UpstreamPool> ClusterSet::make_pool(const Entry& entry, const EndpointState& endpoint) {
  const config::Cluster& settings = entry.settings;
  PoolOptions options;
  options.max_connections = settings.pool.max_connections;
  options.max_waiting = settings.pool.max_waiting;
  options.max_idle = settings.pool.max_idle;
  options.idle_timeout = settings.pool.idle_timeout;
  options.prewarm = settings.pool.prewarm;
  options.max_lifetime = settings.pool.max_lifetime;
  options.protocol = upstream_protocol(settings.protocol);
  options.http2 = http2_limits(settings.http2, loop_);
  auto series = series_.get(settings.name, endpoint.name);
  const PoolMetrics cells = series->cells();
  Connector& connector = entry.tls != nullptr ? entry.tls->connector() : connector_;
  std::shared_ptr<CountedPool> counted(new CountedPool{
      entry.tls, std::move(series), UpstreamPool(loop_, connector, endpoint.address, options, cells)});
  UpstreamPool* pool = &counted->pool;
  return {std::move(counted), pool};
}

}  // namespace sluice
