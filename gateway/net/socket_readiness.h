#pragma once

#include "gateway/net/transport.h"

namespace sluice {

// Asio's reactor, asked in the one way that costs no system call for each wait: the socket is registered
// once, edge triggered, and a wait for input only takes note of who waits. (async_wait() calls epoll_ctl()
// each time, two in six of a proxied request's system calls.) In return it must be told when a read left
// nothing and when a write found no room: an edge comes once.
//
// Uses Asio's detail::epoll_reactor; docs/adr/0017-edges-from-the-reactor.md says why and how far.
// Threads: its loop's only.
class SocketReadiness {
 public:
  class Owner {
   public:
    // A move is worth trying. Once for each wait(), never from inside it.
    virtual void on_socket_ready(Direction direction) = 0;

   protected:
    ~Owner() = default;
  };

  // Takes over a non-blocking descriptor; shuts the socket down if the reactor has no room for it. Both
  // outlive it; the loop also what is under way after close().
  SocketReadiness(Loop& loop, int fd, Owner& owner);
  // The owner hears nothing any more.
  ~SocketReadiness();
  SocketReadiness(const SocketReadiness&) = delete;
  SocketReadiness& operator=(const SocketReadiness&) = delete;

  // The socket has nothing to read; whatever comes is a new edge.
  void drained() noexcept;
  // Nobody knows that it is drained.
  bool may_have_input() const noexcept;
  // It may have something, whatever was said before: an end that no edge of its own tells of.
  void refilled();
  // A write found no room for all of it.
  void filled() noexcept;
  // At most one at a time for each direction. The first for writing also hears that a connect ended.
  void wait(Direction direction);
  // Closes the descriptor. Waits under way end in the same loop turn.
  void close() noexcept;

 private:
  struct Registration;
  Registration* registration_;
};

}  // namespace sluice
