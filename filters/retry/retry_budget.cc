#include "filters/retry/retry_budget.h"

#include <algorithm>

namespace sluice {

RetryBudget::Part& RetryBudget::part(TimePoint now) noexcept {
  const std::int64_t number = number_of(now);
  Part& part = parts_[static_cast<std::size_t>(number) % kParts];
  if (part.number != number) part = {.number = number, .calls = 0, .retries = 0};
  return part;
}

bool RetryBudget::take(TimePoint now, const RetryBudgetPolicy& policy) noexcept {
  Part& current = part(now);
  double calls = 0;
  double retries = 0;
  for (const Part& part : parts_) {
    if (part.number <= current.number - static_cast<std::int64_t>(kParts)) continue;
    calls += static_cast<double>(part.calls);
    retries += static_cast<double>(part.retries);
  }
  const double allowed = policy.share * calls + policy.per_second * static_cast<double>(kParts);
  if (!(retries + 1 <= allowed)) return false;
  ++current.retries;
  return true;
}

}  // namespace sluice
