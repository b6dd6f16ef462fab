#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "gateway/base/address.h"
#include "gateway/base/result.h"
#include "gateway/net/transport.h"

namespace sluice {

struct ListenOptions {
  int backlog = 1024;
  bool reuse_port = true;  // one socket per shard on one TCP port; the kernel spreads connections over them
};

// A bound, listening, non-blocking socket, not yet tied to a loop: the server binds all of them before it
// starts any thread, so that a port in use is an error at start. TCP sockets carry TCP_NODELAY, which
// accepted ones inherit.
class ListenSocket {
 public:
  // kConfig errors name the address and the system's reason.
  static Result<ListenSocket> bind(const Address& address, const ListenOptions& options);

  ListenSocket(ListenSocket&& other) noexcept;
  ListenSocket& operator=(ListenSocket&&) = delete;
  ~ListenSocket();

  const Address& address() const noexcept { return address_; }  // with the port the system chose
  // Takes a listening socket that another process bound, and its descriptor. kConfig where it is no listening
  // stream socket; it is then closed.
  static Result<ListenSocket> adopt(int fd);
  // A second handle on the same socket, for a Unix path that several shards accept from.
  Result<ListenSocket> duplicate() const;
  int release() noexcept;
  // Whether a Unix socket's file is this process's to remove in the end, or another's.
  void own_path() noexcept { owns_path_ = address_.kind == Address::Kind::kUnix; }
  void leave_path() noexcept { owns_path_ = false; }

 private:
  ListenSocket(int fd, Address address, bool owns_path) noexcept
      : fd_(fd), address_(std::move(address)), owns_path_(owns_path) {}

  int fd_;
  Address address_;
  bool owns_path_;  // removes the Unix socket's file at the end
};

// Accepts connections on one loop and hands each over as a transport. When descriptors run out it pauses for
// a moment instead of spinning, and counts it. Threads: its loop's only.
class Listener {
 public:
  using OnAccept = std::function<void(std::unique_ptr<Transport>)>;

  Listener(Loop& loop, ListenSocket socket, OnAccept on_accept);
  ~Listener();
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  const Address& address() const noexcept { return address_; }
  std::uint64_t accept_failures() const noexcept { return accept_failures_; }
  // For connections that have not been accepted yet; takes effect at once.
  void set_backlog(int backlog) noexcept;
  // Of the listening socket, to be handed to another process; owned by the listener.
  int descriptor() const noexcept;
  void leave_path() noexcept { socket_.leave_path(); }

 private:
  struct Reactor;

  void wait();
  void accept_batch();
  static void resume(void* self);

  Loop& loop_;
  ListenSocket socket_;
  Address address_;
  OnAccept on_accept_;
  std::shared_ptr<Reactor> reactor_;
  Timer pause_;
  std::uint64_t accept_failures_ = 0;
};

}  // namespace sluice
