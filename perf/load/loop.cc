#include "perf/load/loop.h"

#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

namespace sluice::load {
namespace {

[[noreturn]] void fail(const char* what) {
  throw std::system_error(errno, std::generic_category(), what);
}

}  // namespace

Nanos now() noexcept {
  timespec t{};
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * kSecond + t.tv_nsec;
}

Loop::Loop() : epoll_(epoll_create1(EPOLL_CLOEXEC)) {
  if (epoll_ < 0) fail("epoll_create1");
  // The kernel's own 50 us would make every event and every request late by as much.
  prctl(PR_SET_TIMERSLACK, 1);
}

Loop::~Loop() {
  close(epoll_);
}

void Loop::watch(int descriptor, std::uint32_t events, Watcher& watcher) {
  epoll_event event{.events = events, .data = {.ptr = &watcher}};
  if (epoll_ctl(epoll_, EPOLL_CTL_ADD, descriptor, &event) != 0) fail("epoll_ctl");
}

void Loop::change(int descriptor, std::uint32_t events, Watcher& watcher) {
  epoll_event event{.events = events, .data = {.ptr = &watcher}};
  if (epoll_ctl(epoll_, EPOLL_CTL_MOD, descriptor, &event) != 0) fail("epoll_ctl");
}

void Loop::forget(int descriptor, Watcher& watcher) {
  if (epoll_ctl(epoll_, EPOLL_CTL_DEL, descriptor, nullptr) != 0) fail("epoll_ctl");
  for (int i = turn_at_; i < turn_size_; ++i)
    if (turn_[i].data.ptr == &watcher) turn_[i].data.ptr = nullptr;
}

void Loop::arm(Timer& timer, Nanos when) {
  timer.when_ = when;
  if (timer.slot_ == Timer::kUnarmed) {
    heap_.push_back(&timer);
    timer.slot_ = heap_.size() - 1;
  }
  rise(timer.slot_);
  sink(timer.slot_);
}

void Loop::disarm(Timer& timer) {
  if (timer.slot_ == Timer::kUnarmed) return;
  const std::size_t slot = timer.slot_;
  timer.slot_ = Timer::kUnarmed;
  Timer* last = heap_.back();
  heap_.pop_back();
  if (last == &timer) return;
  place(last, slot);
  rise(slot);
  sink(last->slot_);
}

void Loop::run() {
  running_ = true;
  while (running_) {
    wait();
    for (turn_at_ = 0; turn_at_ < turn_size_ && running_;) {
      const epoll_event event = turn_[turn_at_++];
      if (event.data.ptr != nullptr) static_cast<Watcher*>(event.data.ptr)->ready(event.events);
    }
    turn_size_ = 0;
    fire(now());
  }
}

void Loop::wait() {
  timespec left{};
  if (!heap_.empty()) {
    const Nanos wait = std::max<Nanos>(0, heap_.front()->when_ - now());
    left = {.tv_sec = wait / kSecond, .tv_nsec = wait % kSecond};
  }
  const int n = epoll_pwait2(epoll_, turn_.data(), static_cast<int>(turn_.size()),
                             heap_.empty() ? nullptr : &left, nullptr);
  if (n < 0 && errno != EINTR) fail("epoll_pwait2");
  turn_size_ = std::max(0, n);
}

void Loop::fire(Nanos until) {
  while (running_ && !heap_.empty() && heap_.front()->when_ <= until) {
    Timer& timer = *heap_.front();
    disarm(timer);
    timer.due();
  }
}

void Loop::place(Timer* timer, std::size_t slot) {
  heap_[slot] = timer;
  timer->slot_ = slot;
}

void Loop::rise(std::size_t slot) {
  Timer* timer = heap_[slot];
  while (slot > 0 && timer->when_ < heap_[(slot - 1) / 2]->when_) {
    place(heap_[(slot - 1) / 2], slot);
    slot = (slot - 1) / 2;
  }
  place(timer, slot);
}

void Loop::sink(std::size_t slot) {
  Timer* timer = heap_[slot];
  for (std::size_t child = 2 * slot + 1; child < heap_.size(); child = 2 * slot + 1) {
    if (child + 1 < heap_.size() && heap_[child + 1]->when_ < heap_[child]->when_) ++child;
    if (timer->when_ <= heap_[child]->when_) break;
    place(heap_[child], slot);
    slot = child;
  }
  place(timer, slot);
}

}  // namespace sluice::load
