#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "config/config.h"
#include "gateway/app/discovery_series.h"
#include "gateway/app/endpoint_source.h"
#include "gateway/app/refresh_schedule.h"
#include "gateway/base/log.h"
#include "gateway/base/metrics.h"
#include "gateway/runtime/loop.h"
#include "gateway/runtime/signal.h"
#include "gateway/runtime/task_group.h"

namespace sluice {

// What is known of a cluster's discovery, for operators.
struct DiscoveryState {
  std::vector<config::Endpoint> endpoints = {};  // the last good ones, in order of address
  std::size_t left_out = 0;                      // by max_endpoints, of the last answer
  std::optional<DiscoveryOutcome> outcome = {};  // of the last look; unset: none has ended yet
  std::string problem = {};                      // of the last look; empty if there was none
  std::uint64_t failures = 0;                    // in a row; a partial answer counts
  std::optional<WallTime> last_success = {};
  TimePoint next_look = kNever;
};

// Keeps the endpoints of one cluster up to date: looks, tells what changed, waits until its answer is old,
// the source says that it changed, or after a failure for longer and longer (RefreshSchedule), and looks
// again. Whatever goes wrong, the last good endpoints stay: a set never becomes empty by an answer. Operators
// read of every change, and of the first failure in a row and its end. Threads: its loop's; `on_change` may
// not destroy the watcher.
class DiscoveryWatcher {
 public:
  using MakeSource = std::function<std::unique_ptr<EndpointSource>(std::function<void()> on_change)>;
  using OnChange = std::function<void(const std::vector<config::Endpoint>&)>;

  // `known`: endpoints that stand until the first answer. What is referred to outlives the watcher.
  DiscoveryWatcher(Loop& loop, Metrics& metrics, Log& log, std::string cluster, config::Discovery settings,
                   const MakeSource& make_source, OnChange on_change, DiscoveryState known);

  const config::Discovery& settings() const noexcept { return settings_; }
  const DiscoveryState& state() const noexcept { return state_; }

 private:
  Task<void> run();
  void take(Finding finding);
  // Each address once, in order, and no more than there may be. Returns how many are too many.
  std::size_t tidy(std::vector<config::Endpoint>& endpoints) const;
  void replace(std::vector<config::Endpoint> endpoints);
  void note_left_out(std::size_t left_out);
  void note_outcome(const Finding& finding);

  Loop& loop_;
  Log& log_;
  const std::string cluster_;
  const config::Discovery settings_;
  const OnChange on_change_;
  DiscoverySeries series_;
  RefreshSchedule schedule_;
  DiscoveryState state_;
  bool stale_ = false;  // the source said so since the last look began
  Signal wake_;
  std::unique_ptr<EndpointSource> source_;
  TaskGroup tasks_;  // of run(), which uses all of the above
};

}  // namespace sluice
