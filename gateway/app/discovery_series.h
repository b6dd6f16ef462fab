#pragma once

#include <string>

#include "gateway/app/endpoint_source.h"
#include "gateway/base/metrics.h"

namespace sluice {

// The metric series of one cluster's discovery; they end with it. Threads: its loop's.
class DiscoverySeries {
 public:
  DiscoverySeries(Metrics& metrics, std::string cluster);
  DiscoverySeries(const DiscoverySeries&) = delete;
  DiscoverySeries& operator=(const DiscoverySeries&) = delete;
  ~DiscoverySeries();

  void count(DiscoveryOutcome outcome) { resolutions(outcome).add(); }
  void set_endpoints(std::size_t count) { endpoints_.set(static_cast<double>(count)); }
  void set_left_out(std::size_t count) { left_out_.set(static_cast<double>(count)); }
  void set_last_success(WallTime time);

 private:
  Counter& resolutions(DiscoveryOutcome outcome);
  Labels labels() const { return {{"cluster", cluster_}}; }

  Metrics& metrics_;
  const std::string cluster_;
  Gauge& endpoints_;
  Gauge& left_out_;
  Gauge& last_success_;
};

}  // namespace sluice
