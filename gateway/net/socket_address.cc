#include "gateway/net/socket_address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/un.h>

#include <cstddef>
#include <cstring>

namespace sluice {

std::optional<SocketAddress> numeric_socket_address(const Address& address) {
  SocketAddress out;
  if (address.kind == Address::Kind::kUnix) {
    auto& un = reinterpret_cast<sockaddr_un&>(out.storage);
    un.sun_family = AF_UNIX;
    if (address.path.size() >= sizeof un.sun_path) return std::nullopt;
    std::memcpy(un.sun_path, address.path.data(), address.path.size());
    out.length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + address.path.size() + 1);
    return out;
  }
  auto& in4 = reinterpret_cast<sockaddr_in&>(out.storage);
  if (inet_pton(AF_INET, address.host.c_str(), &in4.sin_addr) == 1) {
    in4.sin_family = AF_INET;
    in4.sin_port = htons(address.port);
    out.length = sizeof in4;
    return out;
  }
  auto& in6 = reinterpret_cast<sockaddr_in6&>(out.storage);
  if (inet_pton(AF_INET6, address.host.c_str(), &in6.sin6_addr) == 1) {
    in6.sin6_family = AF_INET6;
    in6.sin6_port = htons(address.port);
    out.length = sizeof in6;
    return out;
  }
  return std::nullopt;
}

Address to_address(const SocketAddress& address) {
  char text[INET6_ADDRSTRLEN] = "";
  if (address.family() == AF_INET) {
    const auto& in4 = reinterpret_cast<const sockaddr_in&>(address.storage);
    inet_ntop(AF_INET, &in4.sin_addr, text, sizeof text);
    return Address::tcp(text, ntohs(in4.sin_port));
  }
  if (address.family() == AF_INET6) {
    const auto& in6 = reinterpret_cast<const sockaddr_in6&>(address.storage);
    inet_ntop(AF_INET6, &in6.sin6_addr, text, sizeof text);
    return Address::tcp(text, ntohs(in6.sin6_port));
  }
  const auto& un = reinterpret_cast<const sockaddr_un&>(address.storage);
  const bool named = address.length > offsetof(sockaddr_un, sun_path) && un.sun_path[0] != '\0';
  return Address::unix_socket(named ? un.sun_path : "");
}

std::string to_string(const SocketAddress& address) {
  const Address a = to_address(address);
  if (a.kind == Address::Kind::kUnix && a.path.empty()) return "unix";
  return a.to_string();
}

}  // namespace sluice
