#include "gateway/runtime/loop.h"

#include <utility>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

namespace asio = boost::asio;

namespace sluice {

// The one Asio timer that drives the wheel, set to the end of the nearest slot in use.
struct Loop::Wakeup {
  explicit Wakeup(asio::io_context& io) : timer(io) {}
  asio::steady_timer timer;
};

// Concurrency hint 1: one thread runs the context, others only post to it.
Loop::Loop(const TimeSource& time, std::uint64_t seed, std::size_t stream_buffer_bytes)
    : time_(time),
      io_(std::make_unique<asio::io_context>(1)),
      wakeup_(std::make_unique<Wakeup>(*io_)),
      wheel_(time.now()),
      buffers_(stream_buffer_bytes),
      random_(seed) {}

Loop::~Loop() = default;

void Loop::arm(Timer& timer, TimePoint deadline) noexcept {
  wheel_.arm(timer, deadline);
  if (deadline < wakeup_at_) schedule_wakeup();
}

void Loop::schedule_wakeup() {
  wakeup_at_ = wheel_.next_wakeup();
  if (wakeup_at_ == kNever) return;
  // Moving the timer cancels its previous wait, whose handler then sees operation_aborted.
  wakeup_->timer.expires_after(wakeup_at_ - now());
  wakeup_->timer.async_wait([this](const boost::system::error_code& ec) {
    if (ec) return;
    wakeup_at_ = kNever;
    wheel_.advance(now());
    schedule_wakeup();
  });
}

void Loop::make_ready(Waiter& waiter) {
  ready_.push_back(waiter);
  if (std::exchange(drain_posted_, true)) return;
  asio::post(*io_, [this] { drain_ready(); });
}

void Loop::drain_ready() {
  drain_posted_ = false;
  const Event event(*this);
  // Only what is ready now: a coroutine that makes itself ready again waits for the next round, so that
  // sockets get their turn in between.
  IntrusiveList<Waiter, Waiter> batch;
  batch.splice_back(ready_);
  while (Waiter* waiter = batch.pop_front())
    waiter->coroutine.resume();
}

// A posted function runs behind the handlers that the reactor found ready, and behind what they posted before
// it. What they make ready after it is waited for, but only so often: coroutines that keep waking each other
// must not hold the turn's writes back.
void Loop::at_turn_end(TurnEnd& end) {
  if (end.pending()) return;
  turn_ends_.push_back(end);
  if (std::exchange(turn_end_posted_, true)) return;
  asio::post(*io_, [this] { run_turn_ends(); });
}

void Loop::run_turn_ends() {
  constexpr int kMaxDeferrals = 3;
  if (drain_posted_ && turn_end_deferrals_ < kMaxDeferrals) {
    ++turn_end_deferrals_;
    asio::post(*io_, [this] { run_turn_ends(); });
    return;
  }
  turn_end_posted_ = false;
  turn_end_deferrals_ = 0;
  IntrusiveList<TurnEnd, TurnEnd> batch;
  batch.splice_back(turn_ends_);
  while (TurnEnd* end = batch.pop_front())
    end->callback_(end->owner_);
}

void Loop::post(std::move_only_function<void()> function) {
  asio::post(*io_, [f = std::move(function)]() mutable { f(); });
}

void Loop::run() {
  auto work = asio::make_work_guard(*io_);
  io_->run();
}

void Loop::stop() {
  io_->stop();
}

std::size_t Loop::poll() {
  io_->restart();
  std::size_t handlers = 0;
  while (const std::size_t n = io_->poll())
    handlers += n;
  return handlers;
}

void Loop::expire() noexcept {
  wheel_.advance(now());
}

}  // namespace sluice
