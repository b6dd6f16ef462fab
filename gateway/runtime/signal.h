#pragma once

#include <coroutine>

#include "gateway/runtime/loop.h"

namespace sluice {

// Wakes coroutines that wait for a condition someone else changes. It carries no state of its own: check the
// condition, wait, check again.
//
//   while (queue.empty()) {
//     if (!co_await ready.wait(deadline)) co_return timed_out;
//   }
//
// Woken coroutines run in the same loop turn, in the order they began to wait. Threads: its loop's only.
class Signal {
 public:
  explicit Signal(Loop& loop) noexcept : loop_(loop) {}

  class Wait : private Waiter {
   public:
    Wait(Signal& signal, TimePoint deadline) noexcept
        : signal_(signal), deadline_(deadline), timer_(&expired, this) {}

    bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> awaiting) noexcept {
      coroutine = awaiting;
      signal_.waiters_.push_back(*this);
      signal_.loop_.arm(timer_, deadline_);
    }
    // False when the deadline passed first.
    bool await_resume() const noexcept { return !expired_; }

   private:
    friend class Signal;
    static void expired(void* self) {
      auto& wait = *static_cast<Wait*>(self);
      wait.expired_ = true;
      wait.signal_.loop_.make_ready(wait);
    }

    Signal& signal_;
    TimePoint deadline_;
    Timer timer_;
    bool expired_ = false;
  };

  Wait wait(TimePoint deadline = kNever) noexcept { return Wait(*this, deadline); }

  void notify_one() {
    if (Waiter* waiter = waiters_.pop_front()) wake(*waiter);
  }
  void notify_all() {
    while (Waiter* waiter = waiters_.pop_front())
      wake(*waiter);
  }
  bool awaited() const noexcept { return !waiters_.empty(); }

 private:
  friend class Wait;
  void wake(Waiter& waiter) {
    static_cast<Wait&>(waiter).timer_.disarm();
    loop_.make_ready(waiter);
  }

  Loop& loop_;
  IntrusiveList<Waiter, Waiter> waiters_;
};

}  // namespace sluice
