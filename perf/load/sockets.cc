#include "perf/load/sockets.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <stdexcept>
#include <system_error>

namespace sluice::load {
namespace {

// All of 10,000 connections may come before the first is accepted.
constexpr int kBacklog = 16'384;

void set(int socket, int level, int name, int value) {
  if (setsockopt(socket, level, name, &value, sizeof value) != 0)
    throw std::system_error(errno, std::generic_category(), "setsockopt");
}

sockaddr_in loopback(std::uint16_t port, std::uint32_t last = 1) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl((127u << 24) | last);
  return address;
}

}  // namespace

void Descriptor::close() noexcept {
  if (number_ >= 0) ::close(std::exchange(number_, -1));
}

sockaddr_in loopback_address(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  std::uint16_t port = 0;
  in_addr host{};
  const bool good =
      colon != std::string_view::npos &&
      std::from_chars(text.data() + colon + 1, text.data() + text.size(), port).ec == std::errc{} &&
      inet_pton(AF_INET, std::string(text.substr(0, colon)).c_str(), &host) == 1 &&
      ntohl(host.s_addr) >> 24 == 127;
  if (!good) throw std::invalid_argument(std::string(text) + " is no address such as 127.0.0.1:8080");
  sockaddr_in address = loopback(port);
  address.sin_addr = host;
  return address;
}

Descriptor listen_on(std::uint16_t port) {
  Descriptor socket(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!socket.open()) throw std::system_error(errno, std::generic_category(), "socket");
  set(socket.number(), SOL_SOCKET, SO_REUSEADDR, 1);
  const sockaddr_in address = loopback(port);
  if (bind(socket.number(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      listen(socket.number(), kBacklog) != 0)
    throw std::system_error(errno, std::generic_category(), "listen on port " + std::to_string(port));
  return socket;
}

std::uint16_t port_of(const Descriptor& listener) {
  sockaddr_in address{};
  socklen_t size = sizeof address;
  getsockname(listener.number(), reinterpret_cast<sockaddr*>(&address), &size);
  return ntohs(address.sin_port);
}

Descriptor accept_from(const Descriptor& listener) {
  Descriptor socket(accept4(listener.number(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
  // Nagle's algorithm would hold an event back until the last one is acknowledged.
  if (socket.open()) set(socket.number(), IPPROTO_TCP, TCP_NODELAY, 1);
  return socket;
}

Descriptor connect_to(const sockaddr_in& address, const ConnectOptions& options) {
  Descriptor socket(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!socket.open()) return socket;
  set(socket.number(), IPPROTO_TCP, TCP_NODELAY, 1);
  if (options.receive_buffer > 0) set(socket.number(), SOL_SOCKET, SO_RCVBUF, options.receive_buffer);
  if (options.source > 0) {
    // The port is chosen when the peer is known, so that it may serve towards several peers.
    set(socket.number(), IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1);
    const sockaddr_in own = loopback(0, 1 + options.source);
    if (bind(socket.number(), reinterpret_cast<const sockaddr*>(&own), sizeof own) != 0) return {};
  }
  if (connect(socket.number(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 &&
      errno != EINPROGRESS)
    return {};
  return socket;
}

bool connected(const Descriptor& socket) {
  int error = 0;
  socklen_t size = sizeof error;
  getsockopt(socket.number(), SOL_SOCKET, SO_ERROR, &error, &size);
  errno = error;
  return error == 0;
}

void reset(Descriptor socket) {
  const linger now{.l_onoff = 1, .l_linger = 0};
  setsockopt(socket.number(), SOL_SOCKET, SO_LINGER, &now, sizeof now);
}

}  // namespace sluice::load
