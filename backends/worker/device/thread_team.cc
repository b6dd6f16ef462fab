#include "backends/worker/device/thread_team.h"

#include <pthread.h>
#include <sched.h>

namespace sluice::worker {
namespace {

std::vector<int> usable_processors() {
  std::vector<int> processors;
  cpu_set_t set;
  CPU_ZERO(&set);
  if (::sched_getaffinity(0, sizeof(set), &set) != 0) return processors;
  for (int processor = 0; processor < CPU_SETSIZE; ++processor) {
    if (CPU_ISSET(processor, &set)) processors.push_back(processor);
  }
  return processors;
}

// Best effort: a container may forbid it, and the answers are the same.
void pin_this_thread(const std::vector<int>& processors, std::size_t index) {
  if (processors.empty()) return;
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(processors[index % processors.size()], &set);
  ::pthread_setaffinity_np(::pthread_self(), sizeof(set), &set);
}

}  // namespace

ThreadTeam::ThreadTeam(std::size_t threads, bool pin) : pin_(pin) {
  if (pin_) processors_ = usable_processors();
  try {
    for (std::size_t member = 1; member < threads; ++member)
      members_.emplace_back([this, member] { serve(member); });
  } catch (...) {
    stop();
    throw;
  }
}

ThreadTeam::~ThreadTeam() {
  stop();
}

void ThreadTeam::stop() {
  stopping_.store(true, std::memory_order_relaxed);
  round_.fetch_add(1, std::memory_order_release);
  round_.notify_all();
  for (std::thread& member : members_)
    member.join();
}

void ThreadTeam::pin_caller() {
  if (pin_) pin_this_thread(processors_, 0);
}

void ThreadTeam::run_together(std::size_t parts, Call call, const void* object) {
  call_ = call;
  object_ = object;
  parts_ = parts;
  next_.store(0, std::memory_order_relaxed);
  busy_.store(static_cast<std::uint32_t>(members_.size()), std::memory_order_relaxed);
  round_.fetch_add(1, std::memory_order_release);
  round_.notify_all();
  take_parts();
  // Every member must have let go of `object` before it goes out of scope.
  for (std::uint32_t left = busy_.load(std::memory_order_acquire); left > 0;
       left = busy_.load(std::memory_order_acquire)) {
    busy_.wait(left, std::memory_order_acquire);
  }
}

void ThreadTeam::take_parts() {
  for (std::size_t part = next_.fetch_add(1, std::memory_order_relaxed); part < parts_;
       part = next_.fetch_add(1, std::memory_order_relaxed)) {
    call_(object_, part);
  }
}

void ThreadTeam::serve(std::size_t member) {
  if (pin_) pin_this_thread(processors_, member);
  for (std::uint32_t seen = 0;;) {
    round_.wait(seen, std::memory_order_acquire);
    // One more and never two: the next round begins only when every member has reported.
    ++seen;
    if (stopping_.load(std::memory_order_relaxed)) return;
    take_parts();
    if (busy_.fetch_sub(1, std::memory_order_release) == 1) busy_.notify_one();
  }
}

}  // namespace sluice::worker
