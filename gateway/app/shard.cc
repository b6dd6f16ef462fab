#include "gateway/app/shard.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "filters/builtin_filters.h"
#include "gateway/app/http2_series.h"
#include "gateway/app/route_assembly.h"
#include "gateway/app/tls_series.h"
#include "gateway/app/trace_exporter.h"

namespace sluice {

Shard::Shard(std::size_t index, const config::Config& config, const DiscoveredEndpoints& discovered,
             std::shared_ptr<const RouteMatcher> matcher, const ClusterTlsContexts& tls,
             const SharedServices& shared, std::uint64_t seed)
    : index_(index),
      loop_(shared.time, seed, config.limits.stream_buffer_bytes),
      access_log_(loop_, shared.access_log),
      reporter_(metrics_, access_log_, shared.traces),
      connector_(loop_),
      clusters_(loop_, connector_, metrics_, shared.endpoints),
      lag_probe_(loop_, [&lag = metrics_.histogram(
                             "sluice_loop_lag_seconds",
                             "How late a shard's timers fire because other work held its loop.", {},
                             kLoopLagBuckets)](Duration late) {
        lag.observe(std::chrono::duration<double>(late).count());
      }) {
  clusters_.update(config.clusters, tls, discovered);
  const FilterServices services{loop_, metrics_, reporter_};
  proxy_ = std::make_unique<Proxy>(loop_, make_entry_chain(services),
                                   assemble_routes(config, services, clusters_, std::move(matcher)),
                                   shared.streams, reporter_, trace_sampler(config.observability.traces));
  listeners_ = std::make_unique<ListenerSet>(loop_, *proxy_);
}

Shard::~Shard() = default;

void Shard::configure(const config::Config& config, const DiscoveredEndpoints& discovered,
                      std::shared_ptr<const RouteMatcher> matcher, const ClusterTlsContexts& tls,
                      std::vector<ListenerUpdate> listeners) {
  clusters_.update(config.clusters, tls, discovered);
  const FilterServices services{loop_, metrics_, reporter_};
  proxy_->set_routes(assemble_routes(config, services, clusters_, std::move(matcher)));
  update_listeners(config, std::move(listeners));
}

void Shard::update_listeners(const config::Config& config, std::vector<ListenerUpdate> listeners) {
  listeners_->update(std::move(listeners), config.drain.timeout);
}

void Shard::drain() {
  listeners_->drain();
}

std::vector<StreamSnapshot> Shard::streams() {
  std::vector<StreamSnapshot> out;
  const TimePoint now = loop_.now();
  proxy_->exchanges().for_each([&](Exchange& exchange) {
    const ExchangeRecord& r = exchange.record;
    out.push_back({.shard = index_,
                   .id = std::string(r.id),
                   .peer = std::string(r.peer),
                   .method = std::string(name(r.method)),
                   .path = std::string(r.path),
                   .route = std::string(r.route),
                   .model = r.model,
                   .cluster = std::string(r.cluster),
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
  const ListenerSet::Counts counts = listeners_->counts();
  std::size_t open = 0;
  proxy_->exchanges().for_each([&](Exchange&) { ++open; });
  metrics_.gauge("sluice_streams_open", "Exchanges in flight.").set(static_cast<double>(open));
  metrics_.gauge("sluice_downstream_connections", "Open client connections.")
      .set(static_cast<double>(counts.connections));
  metrics_.counter("sluice_downstream_accepted_total", "Client connections accepted.")
      .raise_to(counts.accepted);
  metrics_.counter("sluice_downstream_refused_total", "Client connections closed because of max_connections.")
      .raise_to(counts.refused);
  metrics_.counter("sluice_accept_failures_total", "Accepts that failed for want of descriptors or memory.")
      .raise_to(counts.accept_failures);
  sample_tls(counts.tls, metrics_);
  sample_http2(counts.http2, metrics_);
  metrics_.gauge("sluice_read_buffers_in_use", "Read buffers that hold bytes not yet passed on.")
      .set(static_cast<double>(loop_.buffers().blocks_in_use()));
}

}  // namespace sluice
