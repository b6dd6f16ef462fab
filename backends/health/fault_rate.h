#pragma once

#include <cstdint>
#include <deque>

#include "gateway/runtime/time_source.h"

namespace sluice {

// How many of an endpoint's attempts had a fault lately, from totals that only grow and are looked at now and
// then. Threads: one.
class FaultRate {
 public:
  struct Counts {
    std::uint64_t attempts = 0;
    std::uint64_t faults = 0;
    // Of the attempts; 0 where there were none.
    double share() const noexcept {
      return attempts == 0 ? 0 : static_cast<double>(faults) / static_cast<double>(attempts);
    }
  };

  // What was counted since the last look that is at least `window` old, or since the first. Looks come in the
  // order of time.
  Counts look(const Counts& totals, TimePoint now, Duration window);

  // Counts from the next look on: what came before says nothing of what is.
  void forget() noexcept { looks_.clear(); }

 private:
  struct Look {
    TimePoint at;
    Counts totals;
  };
  std::deque<Look> looks_;
};

}  // namespace sluice
