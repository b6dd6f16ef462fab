#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <optional>
#include <string>

#include "gateway/base/address.h"

namespace sluice {

// A sockaddr of any family, by value.
struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t length = 0;

  const sockaddr* get() const noexcept { return reinterpret_cast<const sockaddr*>(&storage); }
  sockaddr* get() noexcept { return reinterpret_cast<sockaddr*>(&storage); }
  int family() const noexcept { return storage.ss_family; }
};

// An address that needs no resolver (an IP address or a Unix path); nullopt for a DNS name.
std::optional<SocketAddress> numeric_socket_address(const Address& address);

// The readable form; "unix" for an unnamed Unix peer.
std::string to_string(const SocketAddress& address);
Address to_address(const SocketAddress& address);

}  // namespace sluice
