#include "gateway/app/refresh_schedule.h"

#include <algorithm>

namespace sluice {

Duration RefreshSchedule::after_success(Duration time_to_live) noexcept {
  failures_ = 0;
  return std::clamp(time_to_live, min_, max_);
}

Duration RefreshSchedule::after_failure(Random& random) noexcept {
  Duration wait = min_;
  for (std::uint64_t i = 0; i < failures_ && wait < max_; ++i)
    wait *= 2;
  ++failures_;
  wait = std::min(wait, max_);
  const auto spread = static_cast<std::uint64_t>(wait.count() / 2 + 1);
  return std::max(min_, wait - Duration(static_cast<std::int64_t>(random.below(spread))));
}

Duration RefreshSchedule::after_partial(Duration time_to_live, Random& random) noexcept {
  return std::min(std::clamp(time_to_live, min_, max_), after_failure(random));
}

}  // namespace sluice
