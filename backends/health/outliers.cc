#include "backends/health/outliers.h"

#include <algorithm>

namespace sluice {
namespace {

constexpr double kFirstShare = 0.1;

double lower_median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>((values.size() - 1) / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

bool is_judged(const WatchedEndpoint& endpoint, const OutlierPolicy& policy, TimePoint now) {
  const Ejection& ejection = endpoint.ejection;
  if (endpoint.is_out || ejection.reason != OutlierReason::kNone) return false;
  return ejection.times == 0 || now - ejection.returned_at >= policy.stretch;
}

// One rule: endpoints with enough of a figure are compared with the median of it. `severity` of a value and
// the median: from 1 on it is an outlier.
struct Rule {
  OutlierReason reason;
  std::uint64_t least;
  std::uint64_t EndpointConduct::* count;
  double (*value)(const EndpointConduct& conduct);
  double (*severity)(double value, double median, const OutlierPolicy& policy);
};

double seconds(Duration duration) {
  return std::chrono::duration<double>(duration).count();
}

double slowness(double value, double median, double factor, Duration margin) {
  if (factor <= 0 || value - median < seconds(margin)) return 0;
  // A median of nothing: the margin alone decides.
  return median > 0 ? value / (std::max(factor, 1.0) * median) : 1;
}

double fault_severity(double share, double median, const OutlierPolicy& policy) {
  if (policy.fault_share <= 0 || share - median < policy.fault_margin) return 0;
  return share / policy.fault_share;
}
double first_token_severity(double value, double median, const OutlierPolicy& policy) {
  return slowness(value, median, policy.first_token_factor, policy.first_token_margin);
}
double gap_severity(double value, double median, const OutlierPolicy& policy) {
  return slowness(value, median, policy.gap_factor, policy.gap_margin);
}

void apply(const Rule& rule, std::span<const WatchedEndpoint> endpoints, const OutlierPolicy& policy,
           TimePoint now, std::vector<Outlier>& found) {
  std::vector<std::size_t> judged;
  std::vector<double> values;
  for (std::size_t i = 0; i < endpoints.size(); ++i) {
    const EndpointConduct& conduct = endpoints[i].conduct;
    if (conduct.*rule.count < std::max<std::uint64_t>(rule.least, 1) || !is_judged(endpoints[i], policy, now))
      continue;
    judged.push_back(i);
    values.push_back(rule.value(conduct));
  }
  if (values.size() < 2) return;
  const double median = lower_median(values);
  for (std::size_t k = 0; k < judged.size(); ++k) {
    Outlier& outlier = found[judged[k]];
    const double severity = rule.severity(values[k], median, policy);
    if (outlier.reason == OutlierReason::kNone && severity >= 1) outlier = {rule.reason, severity};
  }
}

std::size_t most_ejected(std::size_t endpoints, double share) {
  if (endpoints < 2 || !(share > 0)) return 0;
  const auto most = static_cast<std::size_t>(std::min(share, 1.0) * static_cast<double>(endpoints));
  return std::clamp<std::size_t>(most, 1, endpoints - 1);
}

Duration ejection_time(const OutlierPolicy& policy, std::uint32_t times) {
  return policy.eject_for >= policy.max_eject / times ? policy.max_eject : policy.eject_for * times;
}

void end_or_forgive(Ejection& ejection, const OutlierPolicy& policy, TimePoint now) {
  if (ejection.reason != OutlierReason::kNone) {
    if (now < ejection.until) return;
    ejection.reason = OutlierReason::kNone;
    ejection.returned_at = ejection.forgiven_at = now;
    return;
  }
  while (ejection.times > 0 && now - ejection.forgiven_at >= policy.stretch + policy.eject_for) {
    --ejection.times;
    ejection.forgiven_at += policy.stretch + policy.eject_for;
  }
}

}  // namespace

std::vector<Outlier> find_outliers(std::span<const WatchedEndpoint> endpoints, const OutlierPolicy& policy,
                                   TimePoint now) {
  const Rule rules[] = {
      {OutlierReason::kFaults, policy.least_attempts, &EndpointConduct::attempts,
       [](const EndpointConduct& c) {
         return static_cast<double>(c.faults) / static_cast<double>(c.attempts);
       },
       fault_severity},
      {OutlierReason::kFirstToken, policy.least_samples, &EndpointConduct::first_tokens,
       [](const EndpointConduct& c) { return seconds(c.mean_first_token); }, first_token_severity},
      {OutlierReason::kTokenGap, policy.least_samples, &EndpointConduct::gaps,
       [](const EndpointConduct& c) { return seconds(c.mean_gap); }, gap_severity},
  };
  std::vector<Outlier> found(endpoints.size());
  for (const Rule& rule : rules)
    apply(rule, endpoints, policy, now, found);
  return found;
}

void eject_outliers(std::span<WatchedEndpoint> endpoints, const OutlierPolicy& policy, TimePoint now) {
  std::size_t out = 0;
  for (WatchedEndpoint& endpoint : endpoints) {
    end_or_forgive(endpoint.ejection, policy, now);
    if (endpoint.is_out || endpoint.ejection.reason != OutlierReason::kNone) ++out;
  }
  const std::vector<Outlier> found = find_outliers(endpoints, policy, now);
  std::vector<std::size_t> worst_first;
  for (std::size_t i = 0; i < found.size(); ++i) {
    if (found[i].reason != OutlierReason::kNone) worst_first.push_back(i);
  }
  std::ranges::sort(worst_first, [&](std::size_t a, std::size_t b) {
    if (found[a].reason != found[b].reason) return found[a].reason < found[b].reason;
    return found[a].severity != found[b].severity ? found[a].severity > found[b].severity : a < b;
  });
  const std::size_t most = most_ejected(endpoints.size(), policy.max_ejected);
  for (const std::size_t i : worst_first) {
    if (out >= most) return;
    Ejection& ejection = endpoints[i].ejection;
    ++ejection.times;
    ejection.reason = found[i].reason;
    ejection.until = now + ejection_time(policy, ejection.times);
    ++out;
  }
}

double slow_start_share(Duration since, Duration slow_start) {
  if (since >= slow_start || slow_start.count() <= 0) return 1;
  if (since.count() <= 0) return kFirstShare;
  return std::max(kFirstShare, static_cast<double>(since.count()) / static_cast<double>(slow_start.count()));
}

bool is_panic(std::size_t usable, std::size_t all, double share) {
  return static_cast<double>(usable) < std::min(share, 1.0) * static_cast<double>(all);
}

}  // namespace sluice
