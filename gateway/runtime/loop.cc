#include "gateway/runtime/loop.h"

#include <utility>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

#include "gateway/runtime/turn_reactor.h"

namespace asio = boost::asio;

namespace sluice {

// The one Asio timer that drives the wheel, set to the end of the nearest slot in use.
struct Loop::Wakeup {
  explicit Wakeup(asio::io_context& io) : timer(io) {}
  asio::steady_timer timer;
};

namespace {

TurnReactor& install_reactor(asio::io_context& io, Poller& poller, TurnReactor::Callback callback,
                             void* owner) {
  auto reactor = std::make_unique<TurnReactor>(io, poller, callback, owner);
  asio::add_service<asio::detail::epoll_reactor>(io, reactor.get());
  return *reactor.release();
}

}  // namespace

// One thread runs the context, which is what a hint of 1 says; others only post to it.
Loop::Loop(const TimeSource& time, std::uint64_t seed, std::size_t stream_buffer_bytes)
    : time_(time),
      io_(std::make_unique<asio::io_context>(1)),
      reactor_(install_reactor(
          *io_, poller_, [](void* self) { static_cast<Loop*>(self)->end_turn(); }, this)),
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
  want_turn_end();
}

void Loop::at_turn_end(TurnEnd& end) {
  if (end.pending()) return;
  turn_ends_.push_back(end);
  want_turn_end();
}

// The reactor ends a turn in which it had events. What is asked for outside one, by a posted function or by
// the end of a turn itself, has to be posted.
void Loop::want_turn_end() {
  if (ending_turn_ || reactor_.turn_pending() || std::exchange(turn_end_posted_, true)) return;
  asio::post(*io_, [this] {
    turn_end_posted_ = false;
    if (!reactor_.turn_pending()) end_turn();
  });
}

std::uint64_t Loop::turn() const noexcept {
  return reactor_.turns();
}

// What is ready goes first, and what it makes ready, but only so often: coroutines that keep waking each
// other must not hold the turn's writes back, nor the sockets.
void Loop::end_turn() {
  constexpr int kMaxRounds = 4;
  ending_turn_ = true;
  for (int i = 0; i < kMaxRounds && !ready_.empty(); ++i)
    drain_ready();
  IntrusiveList<TurnEnd, TurnEnd> batch;
  batch.splice_back(turn_ends_);
  while (TurnEnd* end = batch.pop_front())
    end->callback_(end->owner_);
  ending_turn_ = false;
  if (!ready_.empty() || !turn_ends_.empty()) want_turn_end();
}

void Loop::drain_ready() {
  const Event event(*this);
  // Only what is ready now; what becomes ready by it is another round.
  IntrusiveList<Waiter, Waiter> batch;
  batch.splice_back(ready_);
  while (Waiter* waiter = batch.pop_front())
    waiter->coroutine.resume();
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
  // The end of a turn is no work that the context counts: without the guard it could stop before it.
  const auto work = asio::make_work_guard(*io_);
  io_->restart();
  std::size_t handlers = 0;
  for (;;) {
    const std::uint64_t told = poller_.told();
    const std::size_t n = io_->poll() + static_cast<std::size_t>(poller_.told() - told);
    if (n == 0) return handlers;
    handlers += n;
  }
}

void Loop::expire() noexcept {
  wheel_.advance(now());
}

}  // namespace sluice
