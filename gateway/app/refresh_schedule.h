#pragma once

#include <cstdint>

#include "gateway/runtime/random.h"
#include "gateway/runtime/time_source.h"

namespace sluice {

// When to ask again. After an answer: when its records expire, but no sooner than `min` and no later than
// `max`. After failures: min, twice min, four times, up to max, less up to half by chance (but never below
// min), so that gateways that lost a name server together do not come back to it together. Pure. Threads:
// one.
class RefreshSchedule {
 public:
  RefreshSchedule(Duration min, Duration max) noexcept : min_(min), max_(max) {}

  Duration after_success(Duration time_to_live) noexcept;
  Duration after_failure(Random& random) noexcept;
  // Of a part of what was asked: as soon as either of the two above says.
  Duration after_partial(Duration time_to_live, Random& random) noexcept;

  std::uint64_t failures_in_a_row() const noexcept { return failures_; }

 private:
  Duration min_;
  Duration max_;
  std::uint64_t failures_ = 0;
};

}  // namespace sluice
