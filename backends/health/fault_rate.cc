#include "backends/health/fault_rate.h"

namespace sluice {

FaultRate::Counts FaultRate::look(const Counts& totals, TimePoint now, Duration window) {
  looks_.push_back({now, totals});
  while (looks_.size() > 2 && now - looks_[1].at >= window)
    looks_.pop_front();
  const Counts& before = looks_.front().totals;
  return {totals.attempts - before.attempts, totals.faults - before.faults};
}

}  // namespace sluice
