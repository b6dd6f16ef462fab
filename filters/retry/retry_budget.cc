#include "filters/retry/retry_budget.h"

#include <algorithm>

namespace sluice {

RetryBudget::Permit RetryBudget::take(std::int64_t active, const RetryBudgetPolicy& policy) noexcept {
  std::int64_t retrying = retrying_.load(std::memory_order_relaxed);
  do {
    const auto share = static_cast<std::int64_t>(
        policy.share * static_cast<double>(std::max<std::int64_t>(active - retrying, 0)));
    if (retrying >= std::max(share, policy.at_least)) return {};
  } while (!retrying_.compare_exchange_weak(retrying, retrying + 1, std::memory_order_relaxed));
  return Permit(*this);
}

}  // namespace sluice
