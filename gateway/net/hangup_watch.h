#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "gateway/runtime/loop.h"

namespace sluice {

// Notices that a peer closed or half-closed its side even while unread bytes wait in front of the FIN, which
// a read cannot see: a second, edge-triggered epoll set per loop that asks for EPOLLRDHUP and EPOLLPRI and is
// itself watched by the loop's reactor. Costs one system call per connection and none per request.
//
// Threads: its loop's only. One per loop, outlived by the loop; registrations are withdrawn by their owner.
class HangupWatch {
 public:
  class Owner {
   public:
    virtual void on_peer_gone() = 0;
    // Somebody sends what TCP calls urgent (RFC 6093), which no protocol here uses.
    virtual void on_urgent_data() = 0;

   protected:
    ~Owner() = default;
  };
  using Id = std::uint64_t;

  explicit HangupWatch(Loop& loop);
  ~HangupWatch();
  HangupWatch(const HangupWatch&) = delete;
  HangupWatch& operator=(const HangupWatch&) = delete;

  // Begins to watch the descriptor; 0 if the system has no room (ENOSPC):
  // the connection then works without the early notice.
  Id add(int fd, Owner& owner);
  // Must be called before the descriptor is closed.
  void remove(int fd, Id id) noexcept;

 private:
  struct Entry {
    Owner* owner = nullptr;
    std::uint32_t generation = 0;  // tells a stale event from one for the slot's present tenant
  };
  struct Reactor;

  void wait();
  void drain();

  // Shared with the reactor's callback, which may still be queued when the watch is destroyed.
  std::shared_ptr<Reactor> reactor_;
  std::vector<Entry> entries_;
  std::vector<std::uint32_t> free_;
};

}  // namespace sluice
