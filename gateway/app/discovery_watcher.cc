#include "gateway/app/discovery_watcher.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <utility>

namespace sluice {
namespace {

// So many addresses of a change are named in the log; of the others the number.
constexpr std::size_t kNamedInLog = 10;

using ByAddress = std::map<std::string, const config::Endpoint*>;

ByAddress by_address(const std::vector<config::Endpoint>& endpoints) {
  ByAddress out;
  for (const config::Endpoint& e : endpoints)
    out.emplace(e.address.to_string(), &e);
  return out;
}

// The addresses of `endpoints` that `others` lacks.
std::string names_missing_in(const ByAddress& others, const ByAddress& endpoints) {
  std::string out;
  std::size_t count = 0;
  for (const auto& [address, endpoint] : endpoints) {
    if (others.contains(address)) continue;
    if (count++ < kNamedInLog) out += (out.empty() ? "" : " ") + address;
  }
  if (count > kNamedInLog) out += fmt::format(" and {} more", count - kNamedInLog);
  return out;
}

}  // namespace

DiscoveryWatcher::DiscoveryWatcher(Loop& loop, Metrics& metrics, Log& log, std::string cluster,
                                   config::Discovery settings, const MakeSource& make_source,
                                   OnChange on_change, DiscoveryState known)
    : loop_(loop),
      log_(log),
      cluster_(std::move(cluster)),
      settings_(std::move(settings)),
      on_change_(std::move(on_change)),
      series_(metrics, cluster_),
      schedule_(settings_.min_refresh, settings_.max_refresh),
      wake_(loop),
      source_(make_source([this] {
        stale_ = true;
        wake_.notify_all();
      })) {
  state_.endpoints = std::move(known.endpoints);
  state_.last_success = known.last_success;
  series_.set_endpoints(state_.endpoints.size());
  if (state_.last_success) series_.set_last_success(*state_.last_success);
  tasks_.spawn(run());
}

Task<void> DiscoveryWatcher::run() {
  for (;;) {
    stale_ = false;
    Finding finding = co_await source_->find();
    take(std::move(finding));
    while (!stale_ && loop_.now() < state_.next_look)
      (void)co_await wake_.wait(state_.next_look);
  }
}

void DiscoveryWatcher::take(Finding finding) {
  series_.count(finding.outcome);
  Duration wait{};
  if (finding.outcome == DiscoveryOutcome::kOk) {
    wait = schedule_.after_success(finding.time_to_live);
  } else if (finding.outcome == DiscoveryOutcome::kPartial) {
    wait = schedule_.after_partial(finding.time_to_live, loop_.random());
  } else {
    wait = schedule_.after_failure(loop_.random());
  }
  state_.next_look = loop_.now() + wait;
  note_outcome(finding);
  if (!brought_endpoints(finding.outcome)) return;
  state_.last_success = loop_.time().wall();
  series_.set_last_success(*state_.last_success);
  note_left_out(tidy(finding.endpoints));
  if (finding.endpoints != state_.endpoints) replace(std::move(finding.endpoints));
}

std::size_t DiscoveryWatcher::tidy(std::vector<config::Endpoint>& endpoints) const {
  const auto address = [](const config::Endpoint& e) { return std::pair(e.address.to_string(), e.weight); };
  std::ranges::sort(endpoints, {}, address);
  const auto same = [](const config::Endpoint& a, const config::Endpoint& b) {
    return a.address == b.address;
  };
  const auto twice = std::ranges::unique(endpoints, same);
  endpoints.erase(twice.begin(), twice.end());
  if (endpoints.size() <= settings_.max_endpoints) return 0;
  const std::size_t too_many = endpoints.size() - settings_.max_endpoints;
  endpoints.resize(settings_.max_endpoints);
  return too_many;
}

void DiscoveryWatcher::replace(std::vector<config::Endpoint> endpoints) {
  const ByAddress before = by_address(state_.endpoints);
  const ByAddress after = by_address(endpoints);
  log_.info("endpoints discovered", {{"cluster", cluster_},
                                     {"endpoints", endpoints.size()},
                                     {"added", names_missing_in(before, after)},
                                     {"removed", names_missing_in(after, before)}});
  state_.endpoints = std::move(endpoints);
  series_.set_endpoints(state_.endpoints.size());
  on_change_(state_.endpoints);
}

void DiscoveryWatcher::note_left_out(std::size_t left_out) {
  if (left_out > 0 && state_.left_out == 0) {
    log_.warning("more endpoints discovered than max_endpoints",
                 {{"cluster", cluster_}, {"max_endpoints", settings_.max_endpoints}, {"left_out", left_out}});
  }
  state_.left_out = left_out;
  series_.set_left_out(left_out);
}

void DiscoveryWatcher::note_outcome(const Finding& finding) {
  const std::uint64_t before = std::exchange(state_.failures, schedule_.failures_in_a_row());
  state_.outcome = finding.outcome;
  state_.problem = finding.problem;
  if (before == 0 && state_.failures > 0) {
    log_.warning("discovery fails, the last good endpoints stay", {{"cluster", cluster_},
                                                                   {"outcome", name(finding.outcome)},
                                                                   {"problem", finding.problem},
                                                                   {"endpoints", state_.endpoints.size()}});
  } else if (before > 0 && state_.failures == 0) {
    log_.info("discovery works again", {{"cluster", cluster_}, {"failures", before}});
  }
}

}  // namespace sluice
