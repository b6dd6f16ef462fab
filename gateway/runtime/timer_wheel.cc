#include "gateway/runtime/timer_wheel.h"

#include <algorithm>

namespace sluice {

void TimerWheel::arm(Timer& timer, TimePoint deadline) noexcept {
  timer.disarm();
  timer.deadline_ = deadline;
  if (deadline == kNever) return;
  // A deadline in the past fires at the next advance, never inside arm: the caller is not ready for its
  // callback.
  const std::uint64_t tick = std::max(tick_of(deadline), tick_ + 1);
  slots_[tick % kSlots].push_back(timer);
}

void TimerWheel::run_slot(std::uint64_t tick, TimePoint now) noexcept {
  // Callbacks may arm, disarm and destroy timers, so the due ones leave the slot before the first is called.
  Slot due;
  slots_[tick % kSlots].for_each([&](Timer& timer) {
    if (timer.deadline_ <= now) due.push_back(timer);
  });
  while (Timer* timer = due.pop_front())
    timer->callback_(timer->owner_);
}

void TimerWheel::advance(TimePoint now) noexcept {
  const std::uint64_t last = static_cast<std::uint64_t>(now.time_since_epoch().count()) / kTick.count();
  if (last <= tick_) return;
  const std::uint64_t first = tick_ + 1;
  const std::uint64_t count = std::min(last - tick_, kSlots);
  tick_ = last;
  for (std::uint64_t i = 0; i < count; ++i)
    run_slot(first + i, now);
}

TimePoint TimerWheel::next_wakeup() const noexcept {
  for (std::uint64_t i = 1; i <= kSlots; ++i) {
    if (!slots_[(tick_ + i) % kSlots].empty()) return time_of(tick_ + i);
  }
  return kNever;
}

}  // namespace sluice
