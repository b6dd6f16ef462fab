#pragma once

#include <chrono>

namespace sluice::worker {

using TimePoint = std::chrono::steady_clock::time_point;

// The engine's time: injected, so that tests need not wait. Called by the engine's thread and by submitters.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual TimePoint now() = 0;
  virtual void sleep_until(TimePoint time) = 0;
};

// The machine's monotonic clock.
class SteadyClock final : public Clock {
 public:
  TimePoint now() override;
  void sleep_until(TimePoint time) override;
};

}  // namespace sluice::worker
