#pragma once

#include <coroutine>
#include <cstddef>
#include <memory>
#include <utility>

#include "gateway/runtime/loop.h"
#include "gateway/runtime/time_source.h"

namespace sluice::test {

// A loop on manual time. Nothing runs but by turn(), step() and advance().
struct TestLoop {
  ManualTime time;
  Loop loop;

  explicit TestLoop(std::size_t stream_buffer_bytes = BufferPool::kDefaultLargeBytes)
      : loop(time, 1, stream_buffer_bytes) {}

  // Everything that is ready and what becomes ready by it; no time passes. Returns the handlers that ran.
  std::size_t turn() { return loop.poll(); }
  // One handler only; false if none was ready.
  bool step();
  // Time passes in one leap; a timer fires at most a tick (10 ms) after its deadline.
  void advance(Duration by) {
    time.advance(by);
    loop.expire();
    loop.poll();
  }
};

// co_await next_turn(loop): lets everything else that is ready run first, as a real socket would.
class NextTurn {
 public:
  explicit NextTurn(Loop& loop) noexcept : loop_(loop) {}
  NextTurn(const NextTurn&) = delete;
  ~NextTurn() {
    if (awaiting_) *awaiting_ = nullptr;
  }
  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> awaiting) {
    awaiting_ = std::make_shared<std::coroutine_handle<>>(awaiting);
    loop_.post([waiting = awaiting_] {
      if (*waiting) waiting->resume();
    });
  }
  void await_resume() const noexcept {}

 private:
  Loop& loop_;
  std::shared_ptr<std::coroutine_handle<>> awaiting_;  // null once this is gone
};

inline NextTurn next_turn(Loop& loop) {
  return NextTurn(loop);
}

// Counts itself while it lives: what a test leaves behind shows.
class Alive {
 public:
  explicit Alive(int& count) noexcept : count_(&count) { ++count; }
  Alive(const Alive&) = delete;
  Alive& operator=(const Alive&) = delete;
  ~Alive() { --*count_; }

 private:
  int* count_;
};

}  // namespace sluice::test
