#include "gateway/base/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/un.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

namespace sluice {
namespace {

constexpr std::string_view kUnixScheme = "unix:";
constexpr std::size_t kMaxSocketPath = sizeof(sockaddr_un::sun_path) - 1;
constexpr std::size_t kMaxDnsName = 253;
constexpr std::size_t kMaxDnsLabel = 63;

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_upper(char c) {
  return c >= 'A' && c <= 'Z';
}
char lower(char c) {
  return is_upper(c) ? static_cast<char>(c - 'A' + 'a') : c;
}

// The underscore is no host name character (RFC 952) but resolvers and container networks use it in names.
bool is_label_character(char c) {
  return is_digit(lower(c)) || (lower(c) >= 'a' && lower(c) <= 'z') || c == '-' || c == '_';
}

std::optional<std::uint16_t> parse_port(std::string_view text) {
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return port;
}

std::optional<std::string> canonical_ip(int family, std::string_view text) {
  std::array<unsigned char, sizeof(in6_addr)> bytes{};
  std::array<char, INET6_ADDRSTRLEN> printed{};
  if (inet_pton(family, std::string(text).c_str(), bytes.data()) != 1) return std::nullopt;
  inet_ntop(family, bytes.data(), printed.data(), printed.size());
  return std::string(printed.data());
}

std::optional<std::string> dns_name(std::string_view text) {
  if (text.empty() || text.size() > kMaxDnsName) return std::nullopt;
  std::size_t label = 0;
  for (const char c : text) {
    if (c == '.') {
      if (label == 0) return std::nullopt;
      label = 0;
    } else if (!is_label_character(c) || ++label > kMaxDnsLabel) {
      return std::nullopt;
    }
  }
  std::string host(text);
  std::ranges::transform(host, host.begin(), lower);
  return host;
}

// A host whose last label is a number can only be meant as IPv4: `10.0.0.300` is a typing error, not a name.
std::optional<std::string> ipv4_or_dns_name(std::string_view text) {
  const std::string_view last = text.substr(text.rfind('.') + 1);
  if (!last.empty() && std::ranges::all_of(last, is_digit)) return canonical_ip(AF_INET, text);
  return dns_name(text);
}

Result<Address> parse_unix(std::string_view path) {
  if (path.empty()) return fail(ErrorKind::kConfig, "needs a path after unix:");
  if (path.size() > kMaxSocketPath)
    return fail(ErrorKind::kConfig, "is longer than the 107 bytes of a socket path");
  if (path.find('\0') != path.npos) return fail(ErrorKind::kConfig, "has a NUL byte in its path");
  return Address::unix_socket(std::string(path));
}

Result<Address> parse_bracketed(std::string_view text) {
  const std::size_t close = text.find(']');
  if (close == text.npos || close + 1 >= text.size() || text[close + 1] != ':') {
    return fail(ErrorKind::kConfig, "needs a port after the brackets, for example [::]:8443");
  }
  const auto host = canonical_ip(AF_INET6, text.substr(1, close - 1));
  if (!host) return fail(ErrorKind::kConfig, "has no IPv6 address between its brackets");
  const auto port = parse_port(text.substr(close + 2));
  if (!port) return fail(ErrorKind::kConfig, "needs a port from 0 to 65535");
  return Address::tcp(*host, *port);
}

}  // namespace

std::string Address::to_string() const {
  if (kind == Kind::kUnix) return std::string(kUnixScheme) + path;
  const bool is_ipv6 = host.find(':') != host.npos;
  return (is_ipv6 ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

Result<Address> parse_address(std::string_view text) {
  if (text.starts_with(kUnixScheme)) return parse_unix(text.substr(kUnixScheme.size()));
  if (text.starts_with('[')) return parse_bracketed(text);
  if (text.find("://") != text.npos)
    return fail(ErrorKind::kConfig,
                "cannot be a URL; write only its host and port, for example 127.0.0.1:8080");
  const std::size_t colon = text.find(':');
  if (colon == text.npos) {
    return fail(ErrorKind::kConfig, "needs a port, for example 127.0.0.1:8080, or unix: before a path");
  }
  if (text.find(':', colon + 1) != text.npos) {
    return fail(ErrorKind::kConfig, "needs brackets around an IPv6 address, for example [::1]:8080");
  }
  const auto host = ipv4_or_dns_name(text.substr(0, colon));
  if (!host) return fail(ErrorKind::kConfig, "has no valid IPv4 address or DNS name before its port");
  const auto port = parse_port(text.substr(colon + 1));
  if (!port) return fail(ErrorKind::kConfig, "needs a port from 0 to 65535");
  return Address::tcp(*host, *port);
}

}  // namespace sluice

std::size_t std::hash<sluice::Address>::operator()(const sluice::Address& address) const noexcept {
  // One of the two strings is empty, so their hashes need no stronger mixing.
  const std::hash<std::string> hash;
  return (hash(address.host) ^ hash(address.path)) * 31 + address.port;
}
