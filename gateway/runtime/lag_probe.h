#pragma once

#include <functional>

#include "gateway/runtime/loop.h"
#include "gateway/runtime/timer_wheel.h"

namespace sluice {

// Measures how late a loop runs its timers: the time that whatever else ran on it made them wait. A loop that
// blocks for a second shows up as one report of a second once it runs again; a loop that never runs again
// reports nothing.
//
// Threads: the loop's only, the report too. The loop outlives it.
class LagProbe {
 public:
  static constexpr Duration kInterval = std::chrono::milliseconds(100);

  // `report` gets the lateness beyond the wheel's tick, not negative, ten times a second.
  LagProbe(Loop& loop, std::move_only_function<void(Duration lag)> report);
  LagProbe(const LagProbe&) = delete;
  LagProbe& operator=(const LagProbe&) = delete;

 private:
  void fired();

  Loop& loop_;
  std::move_only_function<void(Duration)> report_;
  Timer timer_;
};

}  // namespace sluice
