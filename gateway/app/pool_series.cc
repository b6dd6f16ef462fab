#include "gateway/app/pool_series.h"

namespace sluice {
namespace {

constexpr std::string_view kConnections = "sluice_upstream_connections";
constexpr std::string_view kIdle = "sluice_upstream_connections_idle";
constexpr std::string_view kWaiting = "sluice_upstream_waiting";
constexpr std::string_view kConnects = "sluice_upstream_connects_total";
constexpr std::string_view kConnectFailures = "sluice_upstream_connect_failures_total";
constexpr std::string_view kOverflows = "sluice_upstream_overflows_total";
constexpr std::string_view kPrewarms = "sluice_upstream_prewarms_total";
constexpr std::string_view kRetired = "sluice_upstream_retired_total";
constexpr std::string_view kStreams = "sluice_upstream_http2_streams";
constexpr std::string_view kGoaways = "sluice_upstream_http2_goaways_total";
constexpr std::string_view kRefused = "sluice_upstream_http2_refused_total";
constexpr std::string_view kResets = "sluice_upstream_http2_resets_total";
constexpr std::string_view kPingsLost = "sluice_upstream_http2_pings_lost_total";
constexpr std::string_view kProtocolErrors = "sluice_upstream_http2_protocol_errors_total";

PoolMetrics find_cells(Metrics& metrics, const Labels& labels) {
  return {
      metrics.gauge(kConnections, "Connections to an endpoint, also those being opened.", labels),
      metrics.gauge(kIdle, "Connections kept for a next request.", labels),
      metrics.gauge(kWaiting, "Requests that wait for a connection.", labels),
      metrics.counter(kConnects, "Connections begun.", labels),
      metrics.counter(kConnectFailures, "Connections refused or timed out.", labels),
      metrics.counter(kOverflows, "Requests that found no connection and no room to wait.", labels),
      metrics.counter(kPrewarms, "Connections opened ahead of need.", labels),
      metrics.counter(kRetired, "Connections closed because of pool.max_lifetime.", labels),
      {metrics.gauge(kStreams, "HTTP/2 streams open.", labels),
       metrics.counter(kGoaways, "HTTP/2 connections that the endpoint asked to leave.", labels),
       metrics.counter(kRefused, "HTTP/2 requests that the endpoint did not process.", labels),
       metrics.counter(kResets, "HTTP/2 answers that the endpoint reset.", labels),
       metrics.counter(kPingsLost, "HTTP/2 connections that did not answer a PING in time.", labels),
       metrics.counter(kProtocolErrors, "HTTP/2 connections and answers that broke the protocol.", labels)}};
}

}  // namespace

PoolSeries::PoolSeries(Metrics& metrics, std::string cluster, std::string endpoint)
    : metrics_(metrics),
      cluster_(std::move(cluster)),
      endpoint_(std::move(endpoint)),
      cells_(find_cells(metrics, {{"cluster", cluster_}, {"endpoint", endpoint_}})) {}

PoolSeries::~PoolSeries() {
  const Labels labels{{"cluster", cluster_}, {"endpoint", endpoint_}};
  for (const std::string_view name :
       {kConnections, kIdle, kWaiting, kConnects, kConnectFailures, kOverflows, kPrewarms, kRetired, kStreams,
        kGoaways, kRefused, kResets, kPingsLost, kProtocolErrors})
    metrics_.remove(name, labels);
}

std::shared_ptr<PoolSeries> PoolSeriesSet::get(const std::string& cluster, const std::string& endpoint) {
  auto& slot = series_[{cluster, endpoint}];
  if (auto series = slot.lock()) return series;
  auto series = std::make_shared<PoolSeries>(metrics_, cluster, endpoint);
  slot = series;
  return series;
}

void PoolSeriesSet::forget_dead() {
  std::erase_if(series_, [](const auto& entry) { return entry.second.expired(); });
}

}  // namespace sluice
