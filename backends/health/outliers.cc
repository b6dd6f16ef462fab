#include "backends/health/outliers.h"

#include <algorithm>

namespace sluice {
namespace {

constexpr double kFirstShare = 0.1;

template <class T>
T lower_median(std::vector<T> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>((values.size() - 1) / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

double fault_share(const EndpointConduct& endpoint) {
  return static_cast<double>(endpoint.faults) / static_cast<double>(endpoint.attempts);
}

// The endpoints with at least `least` of a figure, and the median of it.
template <class Count, class Value, class Judge>
void judge(std::span<const EndpointConduct> endpoints, std::uint64_t least, Count count, Value value,
           Judge is_outlier, OutlierReason reason, std::vector<OutlierReason>& found) {
  std::vector<decltype(value(endpoints.front()))> values;
  for (const EndpointConduct& endpoint : endpoints) {
    if (endpoint.*count >= least) values.push_back(value(endpoint));
  }
  if (values.size() < 2) return;
  const auto median = lower_median(values);
  for (std::size_t i = 0; i < endpoints.size(); ++i) {
    if (found[i] != OutlierReason::kNone || endpoints[i].*count < least) continue;
    if (is_outlier(value(endpoints[i]), median)) found[i] = reason;
  }
}

std::size_t most_ejected(std::size_t endpoints, double share) {
  if (endpoints < 2 || share <= 0) return 0;
  return std::max<std::size_t>(1, static_cast<std::size_t>(share * static_cast<double>(endpoints)));
}

}  // namespace

std::vector<OutlierReason> find_outliers(std::span<const EndpointConduct> endpoints,
                                         const OutlierPolicy& policy) {
  std::vector<OutlierReason> found(endpoints.size());
  if (endpoints.empty()) return found;
  if (policy.fault_share > 0) {
    judge(
        endpoints, std::max<std::uint64_t>(policy.least_attempts, 1), &EndpointConduct::attempts, fault_share,
        [&](double share, double median) {
          return share >= policy.fault_share && median < policy.fault_share;
        },
        OutlierReason::kFaults, found);
  }
  const auto is_slow = [](double factor) {
    return [factor](Duration mean, Duration median) {
      return median.count() > 0 &&
             static_cast<double>(mean.count()) >= factor * static_cast<double>(median.count());
    };
  };
  const std::uint64_t least = std::max<std::uint64_t>(policy.least_samples, 1);
  if (policy.first_token_factor > 0) {
    judge(
        endpoints, least, &EndpointConduct::first_tokens,
        [](const EndpointConduct& e) { return e.mean_first_token; }, is_slow(policy.first_token_factor),
        OutlierReason::kFirstToken, found);
  }
  if (policy.gap_factor > 0) {
    judge(
        endpoints, least, &EndpointConduct::gaps, [](const EndpointConduct& e) { return e.mean_gap; },
        is_slow(policy.gap_factor), OutlierReason::kTokenGap, found);
  }
  return found;
}

void eject_outliers(std::span<const EndpointConduct> endpoints, const OutlierPolicy& policy, TimePoint now,
                    std::span<Ejection> ejections) {
  std::size_t ejected = 0;
  for (Ejection& ejection : ejections) {
    if (ejection.reason == OutlierReason::kNone) continue;
    if (now < ejection.until) {
      ++ejected;
      continue;
    }
    ejection.reason = OutlierReason::kNone;
    ejection.returned_at = now;
  }
  const std::vector<OutlierReason> found = find_outliers(endpoints, policy);
  const std::size_t most = most_ejected(endpoints.size(), policy.max_ejected);
  for (const OutlierReason reason :
       {OutlierReason::kFaults, OutlierReason::kFirstToken, OutlierReason::kTokenGap}) {
    for (std::size_t i = 0; i < endpoints.size() && ejected < most; ++i) {
      Ejection& ejection = ejections[i];
      if (found[i] != reason || ejection.reason != OutlierReason::kNone) continue;
      // One that behaved for as long as it had been out begins lower.
      if (ejection.times > 0 &&
          now - ejection.until >= std::min(policy.eject_for * ejection.times, policy.max_eject))
        --ejection.times;
      ++ejection.times;
      ejection.reason = reason;
      ejection.until = now + std::min(policy.eject_for * ejection.times, policy.max_eject);
      ++ejected;
    }
  }
}

double slow_start_share(Duration since, Duration slow_start) {
  if (since >= slow_start || slow_start.count() <= 0) return 1;
  if (since.count() <= 0) return kFirstShare;
  return std::max(kFirstShare, static_cast<double>(since.count()) / static_cast<double>(slow_start.count()));
}

bool is_panic(std::size_t usable, std::size_t all, double share) {
  return static_cast<double>(usable) < share * static_cast<double>(all);
}

}  // namespace sluice
