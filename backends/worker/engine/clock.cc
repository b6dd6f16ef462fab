#include "backends/worker/engine/clock.h"

#include <thread>

namespace sluice::worker {

TimePoint SteadyClock::now() {
  return std::chrono::steady_clock::now();
}

void SteadyClock::sleep_until(TimePoint time) {
  std::this_thread::sleep_until(time);
}

}  // namespace sluice::worker
