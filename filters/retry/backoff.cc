#include "filters/retry/backoff.h"

#include <algorithm>

namespace sluice {

std::optional<Duration> backoff(std::uint32_t retry, std::optional<Duration> retry_after,
                                const BackoffPolicy& policy, Random& random) {
  if (retry_after && *retry_after > policy.most) return std::nullopt;
  Duration most = std::max(policy.base, Duration(0));
  for (std::uint32_t i = 1; i < retry && most < policy.most; ++i)
    most = most > policy.most / 2 ? policy.most : most * 2;
  most = std::min(most, policy.most);
  const Duration drawn(
      static_cast<Duration::rep>(random.below(static_cast<std::uint64_t>(most.count()) + 1)));
  return retry_after.value_or(Duration(0)) + drawn;
}

}  // namespace sluice
