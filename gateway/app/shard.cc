#include "gateway/app/shard.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "backends/forwarder/forwarder.h"
#include "filters/builtin_filters.h"

namespace sluice {
namespace {

std::unique_ptr<LoadBalancer> make_balancer(config::LoadBalancer::Policy policy) {
  switch (policy) {
    case config::LoadBalancer::Policy::kRoundRobin:
      return make_round_robin();
    case config::LoadBalancer::Policy::kLeastLoaded:
      break;
  }
  return make_least_loaded();
}

RouteRule make_rule(const config::Match& match) {
  RouteRule rule;
  rule.path_kind = match.path.exact ? RouteRule::PathKind::kExact : RouteRule::PathKind::kPrefix;
  rule.path = match.path.exact ? *match.path.exact : match.path.prefix.value_or("/");
  rule.models = match.model;
  for (const std::string& method : match.methods) {
    if (const auto known = parse_method(method)) rule.methods.push_back(*known);
  }
  return rule;
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

ServerOptions server_options(const config::Http& http) {
  ServerOptions options;
  options.http1.head = {.max_head_bytes = http.max_head_bytes,
                        .max_headers = http.max_headers,
                        .max_uri_bytes = http.max_uri_bytes};
  options.http1.max_body_bytes = http.max_body_bytes;
  options.http1.head_timeout = http.head_timeout;
  options.http1.idle_timeout = http.idle_timeout;
  options.http1.write_timeout = http.write_timeout;
  options.http1.min_body_rate = http.min_body_rate;
  options.http1.body_grace = http.body_grace;
  return options;
}

}  // namespace

Shard::Shard(std::size_t index, const config::Config& config, const SharedServices& shared,
             std::uint64_t seed)
    : index_(index),
      shared_(shared),
      loop_(shared.time, seed, config.limits.stream_buffer_bytes),
      hangups_(loop_),
      access_log_(loop_, shared.access_log),
      reporter_(metrics_, access_log_),
      connector_(loop_),
      lag_probe_(loop_, [&lag = metrics_.histogram(
                             "sluice_loop_lag_seconds",
                             "How late a shard's timers fire because other work held its loop.", {},
                             kLoopLagBuckets)](Duration late) {
        lag.observe(std::chrono::duration<double>(late).count());
      }) {
  build_clusters(config);
  const FilterServices services{loop_, metrics_, reporter_};
  proxy_ = std::make_unique<Proxy>(loop_, make_entry_chain(services), build_routes(config), shared.streams,
                                   reporter_);
}

Shard::~Shard() = default;

void Shard::build_clusters(const config::Config& config) {
  for (const config::Cluster& c : config.clusters) {
    PoolOptions pool;
    pool.max_connections = c.pool.max_connections;
    pool.max_waiting = c.pool.max_waiting;
    pool.max_idle = c.pool.max_idle;
    pool.idle_timeout = c.pool.idle_timeout;
    std::vector<UpstreamCluster::Endpoint> endpoints;
    for (const config::Endpoint& e : c.endpoints) {
      auto state = shared_.endpoints.get(c.name, e.address);
      auto metrics = pool_metrics(metrics_, c.name, state->name);
      endpoints.push_back(
          {state, e.weight, std::make_unique<UpstreamPool>(loop_, connector_, e.address, pool, metrics)});
    }
    clusters_.push_back(std::make_unique<UpstreamCluster>(loop_, c.name, std::move(endpoints),
                                                          make_balancer(c.load_balancer.policy)));
  }
}

std::shared_ptr<const RouteTable> Shard::build_routes(const config::Config& config) {
  const FilterServices services{loop_, metrics_, reporter_};
  std::vector<Route> routes;
  for (const config::Route& r : config.routes) {
    RouteSettings settings;
    settings.attempts = r.retry.attempts;
    for (const config::WeightedCluster& w : r.clusters) {
      const auto cluster = std::ranges::find(clusters_, w.name, [](const auto& c) { return c->name(); });
      settings.targets.push_back({cluster->get(), w.name, w.weight});
    }
    Route route;
    route.name = r.name;
    route.rule = make_rule(r.match);
    route.timeouts = {.connect = r.timeouts.connect,
                      .first_content = r.timeouts.first_content,
                      .between_tokens = r.timeouts.between_tokens,
                      .total = r.timeouts.total};
    route.max_body_bytes = r.max_body_bytes;
    route.chain = make_route_chain(services, std::move(settings), std::make_unique<Forwarder>(loop_));
    routes.push_back(std::move(route));
  }
  return std::make_shared<const RouteTable>(std::move(routes));
}

void Shard::add_listener(const config::Listener& listener, ListenSocket socket, ConnectionLimit& limit) {
  servers_.push_back(std::make_unique<Server>(loop_, hangups_, std::move(socket),
                                              server_options(listener.http), limit, *proxy_));
}

void Shard::drain() {
  for (const auto& server : servers_)
    server->drain();
}

std::vector<StreamSnapshot> Shard::streams() {
  std::vector<StreamSnapshot> out;
  const TimePoint now = loop_.now();
  proxy_->exchanges().for_each([&](Exchange& exchange) {
    const ExchangeRecord& r = exchange.record;
    out.push_back({.shard = index_,
                   .id = r.id,
                   .peer = r.peer,
                   .method = std::string(name(r.method)),
                   .path = r.path,
                   .route = r.route,
                   .model = r.model,
                   .cluster = r.cluster,
                   .endpoint = r.endpoint,
                   .state = name(r.state),
                   .age_seconds = std::chrono::duration<double>(now - r.received_at).count(),
                   .response_bytes = r.response_bytes,
                   .events = r.content_events,
                   .attempts = r.attempts});
  });
  return out;
}

void Shard::sample() {
  std::size_t connections = 0;
  std::uint64_t accepted = 0;
  std::uint64_t refused = 0;
  std::uint64_t failures = 0;
  for (const auto& server : servers_) {
    connections += server->connections();
    accepted += server->accepted();
    refused += server->refused();
    failures += server->accept_failures();
  }
  std::size_t open = 0;
  proxy_->exchanges().for_each([&](Exchange&) { ++open; });
  metrics_.gauge("sluice_streams_open", "Exchanges in flight.").set(static_cast<double>(open));
  metrics_.gauge("sluice_downstream_connections", "Open client connections.")
      .set(static_cast<double>(connections));
  metrics_.counter("sluice_downstream_accepted_total", "Client connections accepted.").raise_to(accepted);
  metrics_.counter("sluice_downstream_refused_total", "Client connections closed because of max_connections.")
      .raise_to(refused);
  metrics_.counter("sluice_accept_failures_total", "Accepts that failed for want of descriptors or memory.")
      .raise_to(failures);
  metrics_.gauge("sluice_read_buffers_in_use", "Read buffers that hold bytes not yet passed on.")
      .set(static_cast<double>(loop_.buffers().blocks_in_use()));
}

}  // namespace sluice
