#pragma once

#include <sys/epoll.h>

#include <array>
#include <cstddef>
#include <cstdint>

namespace sluice {

// A loop's own epoll set. A socket is registered once, edge triggered and for everything that can happen to
// it, so that neither a wait nor the notice of a hang-up costs a system call. Watchers are called one after
// the other, without a scheduler's queue between.
//
// Threads: its loop's only.
class Poller {
 public:
  class Watcher {
   public:
    // `events`: what is so now, at least one of it newly (epoll_ctl(2)). It may remove and destroy any
    // watcher, itself included.
    virtual void on_events(std::uint32_t events) = 0;

   protected:
    ~Watcher() = default;
  };

  Poller();
  ~Poller();
  Poller(const Poller&) = delete;
  Poller& operator=(const Poller&) = delete;

  // False if the system has no room for it (ENOSPC: fs.epoll.max_user_watches).
  bool add(int fd, Watcher& watcher) noexcept;
  // Before the descriptor is closed: a child between fork and exec may hold it, and with it the registration.
  // The watcher hears no more, not even of what was found already.
  void remove(int fd, Watcher& watcher) noexcept;
  // Inside on_events(): the watcher was not removed since.
  bool telling(const Watcher& watcher) const noexcept { return batch_[next_ - 1].data.ptr == &watcher; }

  // Another epoll set, level triggered, whose events tell() only says that there are.
  void add_set(int fd);

  // Waits up to so many milliseconds, -1 for ever, and keeps what it found. False if there was nothing.
  bool look(int timeout_ms) noexcept;
  // Calls whom it concerns. True if the other set has something. An exception would lose the edges that are
  // still to be told: it ends the process.
  bool tell() noexcept;
  // Events told so far.
  std::uint64_t told() const noexcept { return told_; }

 private:
  static constexpr std::size_t kBatch = 128;

  int fd_;
  std::array<epoll_event, kBatch> batch_;
  std::size_t next_ = 0;  // of the batch, to be told
  std::size_t found_ = 0;
  std::uint64_t told_ = 0;
};

}  // namespace sluice
