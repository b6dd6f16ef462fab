#pragma once

#include <coroutine>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>

#include "gateway/runtime/buffer_pool.h"
#include "gateway/runtime/intrusive_list.h"
#include "gateway/runtime/poller.h"
#include "gateway/runtime/random.h"
#include "gateway/runtime/time_source.h"
#include "gateway/runtime/timer_wheel.h"

namespace boost::asio {
class io_context;
}

namespace sluice {

class TurnReactor;

// A suspended coroutine waiting for its turn. Destroying it (which destroying the coroutine does) withdraws
// it.
class Waiter : public ListNode<Waiter> {
 public:
  std::coroutine_handle<> coroutine;
};

// Something to do once at the end of a loop turn. Embed it in what does it; destroying it withdraws it. The
// callback may ask for the next turn's end.
class TurnEnd : private ListNode<TurnEnd> {
 public:
  using Callback = void (*)(void* owner);

  TurnEnd(Callback callback, void* owner) noexcept : callback_(callback), owner_(owner) {}
  bool pending() const noexcept { return linked(); }

 private:
  friend class Loop;
  friend class IntrusiveList<TurnEnd, TurnEnd>;
  Callback callback_;
  void* owner_;
};

// One thread's event loop: the sockets, Asio for what is not on the path of a request, the deadlines, the
// read buffers and the dice that everything on this thread shares. Whoever wakes a coroutine from anywhere
// but a reactor callback uses make_ready, so that no coroutine runs inside another one's call: it then runs
// in the same loop turn, before the next wait for events.
//
// Threads: everything but post() and stop() belongs to the loop's thread. The loop outlives whatever uses it.
class Loop {
 public:
  // `stream_buffer_bytes`: the large block of the buffer pool, what a stream may hold of unsent bytes.
  Loop(const TimeSource& time, std::uint64_t seed,
       std::size_t stream_buffer_bytes = BufferPool::kDefaultLargeBytes);
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  boost::asio::io_context& io() noexcept { return *io_; }
  Poller& poller() noexcept { return poller_; }
  const TimeSource& time() const noexcept { return time_; }
  // The time; while an Event lives, that of the first question.
  TimePoint now() const noexcept {
    if (!in_event_) return time_.now();
    if (!event_time_) event_time_ = time_.now();
    return *event_time_;
  }
  BufferPool& buffers() noexcept { return buffers_; }
  const BufferPool& buffers() const noexcept { return buffers_; }
  Random& random() noexcept { return random_; }

  // Held by what the reactor calls while it handles one event: an exchange asks for the time a dozen times as
  // it goes along, and asking the system takes as long as 50 to 100 instructions.
  class Event {
   public:
    explicit Event(Loop& loop) noexcept : loop_(loop) { loop_.in_event_ = true; }
    Event(const Event&) = delete;
    ~Event() {
      loop_.in_event_ = false;
      loop_.event_time_.reset();
    }

   private:
    Loop& loop_;
  };

  // Arms the timer; see TimerWheel::arm.
  void arm(Timer& timer, TimePoint deadline) noexcept;

  // Resumes the waiter's coroutine in this loop turn, unless it is destroyed before.
  void make_ready(Waiter& waiter);

  // Runs the callback when everything that is ready in this turn has run, so that what many handlers produced
  // for one connection leaves in one write. Nothing happens if it is pending already.
  void at_turn_end(TurnEnd& end);

  // The number of the turn: what the events of two sockets in one turn tell of was there before either was
  // handled.
  std::uint64_t turn() const noexcept;

  // Runs a function on the loop's thread. Threads: any.
  void post(std::move_only_function<void()> function);

  // Serves events until stop(). The caller's thread becomes the loop's thread.
  void run();
  void stop();  // Threads: any.

  // For tests on manual time: runs what is ready, without waiting; then what became ready by it. Returns the
  // number of handlers that ran. `expire` lets every timer that is due fire first.
  std::size_t poll();
  void expire() noexcept;

 private:
  struct Wakeup;

  void drain_ready();
  void end_turn();
  void want_turn_end();
  void schedule_wakeup();

  const TimeSource& time_;
  bool in_event_ = false;
  mutable std::optional<TimePoint> event_time_;
  Poller poller_;
  std::unique_ptr<boost::asio::io_context> io_;
  TurnReactor& reactor_;  // io_ has it
  std::unique_ptr<Wakeup> wakeup_;
  TimerWheel wheel_;
  TimePoint wakeup_at_ = kNever;
  BufferPool buffers_;
  Random random_;
  IntrusiveList<Waiter, Waiter> ready_;
  IntrusiveList<TurnEnd, TurnEnd> turn_ends_;
  bool turn_end_posted_ = false;
  bool ending_turn_ = false;
};

// co_await sleep_until(loop, deadline): resumes at the deadline, or a tick after it.
class SleepUntil {
 public:
  SleepUntil(Loop& loop, TimePoint deadline) noexcept
      : loop_(loop), deadline_(deadline), timer_(&expired, this) {}

  bool await_ready() const noexcept { return loop_.now() >= deadline_; }
  void await_suspend(std::coroutine_handle<> coroutine) noexcept {
    coroutine_ = coroutine;
    loop_.arm(timer_, deadline_);
  }
  void await_resume() const noexcept {}

 private:
  static void expired(void* self) { static_cast<SleepUntil*>(self)->coroutine_.resume(); }

  Loop& loop_;
  TimePoint deadline_;
  Timer timer_;
  std::coroutine_handle<> coroutine_;
};

inline SleepUntil sleep_until(Loop& loop, TimePoint deadline) {
  return SleepUntil(loop, deadline);
}

}  // namespace sluice
