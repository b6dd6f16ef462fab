#include "tests/support/memory_gateway.h"

#include <algorithm>

#include "backends/forwarder/forwarder.h"
#include "filters/builtin_filters.h"

namespace sluice::test {

PoolMetrics pool_metrics(Metrics& metrics, const std::string& endpoint) {
  const Labels labels{{"endpoint", endpoint}};
  return {
      metrics.gauge("open", "", labels),
      metrics.gauge("idle", "", labels),
      metrics.gauge("waiting", "", labels),
      metrics.counter("connects_total", "", labels),
      metrics.counter("connect_failures_total", "", labels),
      metrics.counter("overflows_total", "", labels),
      metrics.counter("prewarms_total", "", labels),
      metrics.counter("retired_total", "", labels),
      {metrics.gauge("http2_streams", "", labels), metrics.counter("http2_goaways_total", "", labels),
       metrics.counter("http2_refused_total", "", labels), metrics.counter("http2_resets_total", "", labels),
       metrics.counter("http2_pings_lost_total", "", labels),
       metrics.counter("http2_protocol_errors_total", "", labels)}};
}

MemoryGateway::MemoryGateway(GatewayPlan plan)
    : t(plan.stream_buffer_bytes), network(t.loop), plan_(std::move(plan)) {
  if (plan_.limits.max_streams == 0) plan_.limits.max_streams = 128;
  build_clusters(plan_);
  const FilterServices services{loop, metrics, sink};
  proxy_ = std::make_unique<Proxy>(loop, make_entry_chain(services), build_routes(plan_), streams_, sink);
}

MemoryGateway::~MemoryGateway() {
  connections_.cancel_all();
}

void MemoryGateway::build_clusters(const GatewayPlan& plan) {
  for (const GatewayPlan::Cluster& c : plan.clusters) {
    EndpointSet endpoints;
    for (const std::string& text : c.endpoints) {
      const Address address = parse_address(text).value();
      endpoints.push_back(std::make_shared<const ClusterEndpoint>(
          ClusterEndpoint{.state = registry_.get(c.name, address),
                          .pool = std::make_shared<UpstreamPool>(
                              loop, network, address, c.pool, pool_metrics(metrics, c.name + "/" + text))}));
    }
    clusters_.push_back(std::make_unique<UpstreamCluster>(loop, c.name, std::move(endpoints),
                                                          ClusterPolicy{.balancer = c.balancer}));
  }
}

std::shared_ptr<const RouteTable> MemoryGateway::build_routes(const GatewayPlan& plan) {
  const FilterServices services{loop, metrics, sink};
  std::vector<Route> routes;
  for (const GatewayPlan::Route& r : plan.routes) {
    RouteSettings settings;
    settings.attempts = r.attempts;
    for (const auto& [name, weight] : r.clusters) {
      const auto cluster = std::ranges::find(clusters_, name, [](const auto& c) { return c->name(); });
      settings.targets.push_back({cluster->get(), name, weight});
    }
    Route route;
    route.name = r.name;
    route.rule = r.rule;
    route.timeouts = r.timeouts;
    route.max_body_bytes = r.max_body_bytes;
    route.chain = make_route_chain(services, std::move(settings), std::make_unique<Forwarder>(loop));
    routes.push_back(std::move(route));
  }
  return std::make_shared<const RouteTable>(std::move(routes));
}

Task<void> MemoryGateway::serve(std::unique_ptr<MemoryTransport> transport) {
  http1::ServerConnection connection(std::move(transport), plan_.limits, *proxy_);
  co_await connection.run();
}

Task<void> MemoryGateway::serve_http2(std::unique_ptr<MemoryTransport> transport) {
  http2::ServerConnection connection(std::move(transport), plan_.limits, http2_counts, *proxy_);
  co_await connection.run();
}

std::unique_ptr<MemoryTransport> MemoryGateway::connect_http2() {
  auto [client, server] = MemoryTransport::pair(loop, plan_.client_capacity);
  connections_.spawn(serve_http2(std::move(server)));
  return std::move(client);
}

TestClient MemoryGateway::connect() {
  auto [client, server] = MemoryTransport::pair(loop, plan_.client_capacity);
  connections_.spawn(serve(std::move(server)));
  return TestClient(t, std::move(client));
}

Exchange* MemoryGateway::exchange() {
  return proxy_->exchanges().empty() ? nullptr : &proxy_->exchanges().front();
}

std::string MemoryGateway::leftovers() {
  std::string found;
  const auto note = [&found](const std::string& what, std::int64_t count) {
    if (count != 0) found += what + ": " + std::to_string(count) + "\n";
  };
  std::int64_t exchanges = 0;
  proxy_->exchanges().for_each([&](Exchange&) { ++exchanges; });
  note("exchanges", exchanges);
  note("streams counted", proxy_->open_streams());
  note("connects under way", static_cast<std::int64_t>(network.pending()));
  note("read buffers", static_cast<std::int64_t>(loop.buffers().blocks_in_use()));
  for (std::size_t i = 0; i < clusters_.size(); ++i) {
    for (const auto& endpoint : clusters_[i]->endpoints()) {
      const EndpointState& state = *endpoint->state;
      const PoolMetrics pool = pool_metrics(metrics, plan_.clusters[i].name + "/" + state.name);
      note(state.name + " in flight", state.in_flight);
      note(state.name + " waiting", static_cast<std::int64_t>(pool.waiting.value()));
      note(state.name + " connections in use",
           static_cast<std::int64_t>(pool.open.value() - pool.idle.value()));
    }
  }
  return found;
}

}  // namespace sluice::test
