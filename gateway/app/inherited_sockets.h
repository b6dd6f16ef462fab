#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "gateway/base/address.h"
#include "gateway/net/listener.h"

namespace sluice {

// The listening sockets that this process was started with: by the gateway that it takes over from
// (gateway/app/handover.h), or by a service manager (systemd's LISTEN_PID, LISTEN_FDS and LISTEN_FDNAMES,
// sd_listen_fds(3)). Read once, at start. Sockets that nobody takes are closed with the object.
class InheritedSockets {
 public:
  InheritedSockets() = default;
  InheritedSockets(InheritedSockets&&) noexcept;
  InheritedSockets& operator=(InheritedSockets&&) = delete;
  ~InheritedSockets();

  // Reads the environment of this process. What is passed and is no listening socket is closed.
  static InheritedSockets from_environment();

  // `name` as socket_name() gives it.
  void add(std::string name, ListenSocket socket);

  // Every socket bound to `address`; where its port is 0, every one of that host that carries `name`.
  std::vector<ListenSocket> take(const Address& address, std::string_view name);

  // Closes what was not taken: sockets of listeners that the configuration no longer has. Returns how many.
  std::size_t close_rest() noexcept;

  // Another process serves until tell_ready() is called.
  bool handed_over() const noexcept { return ready_fd_ >= 0; }
  // Tells the process that handed over, if there is one, that this one accepts. Once.
  void tell_ready() noexcept;

 private:
  struct Entry {
    std::string name;
    ListenSocket socket;
  };

  std::vector<Entry> entries_;
  int ready_fd_ = -1;
};

// A listener's name as a socket's name: what may not stand in LISTEN_FDNAMES becomes `_`.
std::string socket_name(std::string_view name);

// The environment of a successor, whose sockets are the descriptors from 3 on, named in this order, and whose
// last descriptor is for tell_ready(): this process's, less what was meant for this process.
std::vector<std::string> successor_environment(const std::vector<std::string>& names);

}  // namespace sluice
