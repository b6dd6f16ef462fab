#pragma once

#include <array>
#include <cstdint>

#include "gateway/runtime/intrusive_list.h"
#include "gateway/runtime/time_source.h"

namespace sluice {

class TimerWheel;

// One deadline. Embed it in what waits; destroying it disarms it. The callback runs on the wheel's thread,
// once per arm, never before the deadline and at most one tick after it.
class Timer : private ListNode<Timer> {
 public:
  using Callback = void (*)(void* owner);

  Timer(Callback callback, void* owner) noexcept : callback_(callback), owner_(owner) {}

  bool armed() const noexcept { return linked(); }
  TimePoint deadline() const noexcept { return deadline_; }
  void disarm() noexcept { unlink(); }

 private:
  friend class TimerWheel;
  friend class IntrusiveList<Timer, Timer>;
  Callback callback_;
  void* owner_;
  TimePoint deadline_{};
};

// Deadlines in 10 ms ticks: arming and disarming are a few pointer writes, where an Asio timer per read costs
// 2,200 instructions. A hashed wheel (Varghese and Lauck 1987, scheme 6): one slot per tick modulo 512, a
// timer further away than one round stays in its slot and is looked at once per round (5 s).
//
// Threads: its loop's only.
class TimerWheel {
 public:
  static constexpr Duration kTick = std::chrono::milliseconds(10);

  explicit TimerWheel(TimePoint now) noexcept : tick_(tick_of(now)) {}

  // Arms (or arms anew) the timer; kNever disarms it.
  void arm(Timer& timer, TimePoint deadline) noexcept;

  // Runs the callbacks of every timer whose deadline is not after `now`.
  void advance(TimePoint now) noexcept;

  // When advance should next be called at the latest: the end of the nearest slot in use, kNever if there is
  // none.
  TimePoint next_wakeup() const noexcept;

 private:
  static constexpr std::uint64_t kSlots = 512;
  using Slot = IntrusiveList<Timer, Timer>;

  // The first tick at whose start the deadline has passed.
  static std::uint64_t tick_of(TimePoint t) noexcept {
    return (static_cast<std::uint64_t>(t.time_since_epoch().count()) + kTick.count() - 1) / kTick.count();
  }
  static TimePoint time_of(std::uint64_t tick) noexcept { return TimePoint(kTick * tick); }
  void run_slot(std::uint64_t tick, TimePoint now) noexcept;

  std::array<Slot, kSlots> slots_;
  std::uint64_t tick_;  // every timer due before this tick's start has run
};

}  // namespace sluice
