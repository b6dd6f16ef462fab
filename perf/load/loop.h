#pragma once

#include <sys/epoll.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace sluice::load {

// Time on the machine's monotonic clock, in nanoseconds; the same in every process.
using Nanos = std::int64_t;
constexpr Nanos kMicrosecond = 1'000;
constexpr Nanos kMillisecond = 1'000'000;
constexpr Nanos kSecond = 1'000'000'000;

Nanos now() noexcept;

// A level-triggered epoll loop with timers. A handler may forget, arm or destroy any other in its turn,
// itself included if it touches itself no more. Throws std::system_error where the system refuses. Threads:
// one.
class Loop {
 public:
  // What waits for a descriptor.
  class Watcher {
   public:
    virtual void ready(std::uint32_t events) = 0;

   protected:
    ~Watcher() = default;
  };

  // What waits for a point in time, one at a time. Must be disarmed before it ends.
  class Timer {
   public:
    virtual void due() = 0;

   protected:
    ~Timer() = default;

   private:
    friend class Loop;
    static constexpr std::size_t kUnarmed = static_cast<std::size_t>(-1);
    Nanos when_ = 0;
    std::size_t slot_ = kUnarmed;
  };

  Loop();
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  void watch(int descriptor, std::uint32_t events, Watcher& watcher);
  void change(int descriptor, std::uint32_t events, Watcher& watcher);
  // Before the descriptor is closed.
  void forget(int descriptor, Watcher& watcher);

  // Moves the time if it is armed already.
  void arm(Timer& timer, Nanos when);
  void disarm(Timer& timer);

  // Until stop().
  void run();
  void stop() { running_ = false; }

 private:
  void wait();
  void fire(Nanos until);
  void place(Timer* timer, std::size_t slot);
  void rise(std::size_t slot);
  void sink(std::size_t slot);

  int epoll_;
  bool running_ = false;
  std::array<epoll_event, 256> turn_{};
  int turn_size_ = 0;
  int turn_at_ = 0;
  std::vector<Timer*> heap_;  // a binary heap, the earliest first; each timer knows its slot
};

}  // namespace sluice::load
