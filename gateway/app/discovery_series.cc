#include "gateway/app/discovery_series.h"

#include <chrono>
#include <utility>

namespace sluice {
namespace {

constexpr std::string_view kResolutions = "sluice_discovery_resolutions_total";
constexpr std::string_view kEndpoints = "sluice_discovery_endpoints";
constexpr std::string_view kLeftOut = "sluice_discovery_endpoints_left_out";
constexpr std::string_view kLastSuccess = "sluice_discovery_last_success_timestamp_seconds";

Labels outcome_labels(const std::string& cluster, DiscoveryOutcome outcome) {
  return {{"cluster", cluster}, {"outcome", std::string(name(outcome))}};
}

}  // namespace

DiscoverySeries::DiscoverySeries(Metrics& metrics, std::string cluster)
    : metrics_(metrics),
      cluster_(std::move(cluster)),
      endpoints_(metrics.gauge(kEndpoints, "Endpoints that discovery knows for a cluster.", labels())),
      left_out_(metrics.gauge(kLeftOut, "Endpoints that were found and left out because of max_endpoints.",
                              labels())),
      last_success_(
          metrics.gauge(kLastSuccess, "When discovery last brought endpoints; 0: never yet.", labels())) {
  (void)resolutions(DiscoveryOutcome::kOk);
}

DiscoverySeries::~DiscoverySeries() {
  for (const std::string_view name : {kEndpoints, kLeftOut, kLastSuccess})
    metrics_.remove(name, labels());
  for (int i = 0; i < kDiscoveryOutcomeCount; ++i)
    metrics_.remove(kResolutions, outcome_labels(cluster_, static_cast<DiscoveryOutcome>(i)));
}

void DiscoverySeries::set_last_success(WallTime time) {
  last_success_.set(std::chrono::duration<double>(time.time_since_epoch()).count());
}

Counter& DiscoverySeries::resolutions(DiscoveryOutcome outcome) {
  return metrics_.counter(kResolutions, "Looks for a cluster's endpoints, by how they ended.",
                          outcome_labels(cluster_, outcome));
}

}  // namespace sluice
