#pragma once

#include <chrono>
#include <mutex>
#include <vector>

#include "backends/worker/engine/clock.h"

namespace sluice::worker {

// Time that moves only when someone sleeps; the sleeps are kept.
class ManualClock final : public Clock {
 public:
  TimePoint now() override {
    const std::lock_guard lock(mutex_);
    return now_;
  }
  void sleep_until(TimePoint time) override {
    const std::lock_guard lock(mutex_);
    slept_.push_back(time - now_);
    now_ = time;
  }
  std::vector<std::chrono::nanoseconds> slept() {
    const std::lock_guard lock(mutex_);
    return slept_;
  }

 private:
  std::mutex mutex_;
  TimePoint now_{};
  std::vector<std::chrono::nanoseconds> slept_;
};

}  // namespace sluice::worker
