#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "gateway/base/result.h"

namespace sluice {

// Where to listen or to connect: a TCP host and port, or the path of a Unix socket. A host is an IPv4
// address, an IPv6 address (kept without brackets, in the canonical form of RFC 5952) or a DNS name (kept in
// lower case), so that two spellings of one address compare equal. Names are not resolved here.
struct Address {
  enum class Kind : std::uint8_t { kTcp, kUnix };

  Kind kind = Kind::kTcp;
  std::string host = {};   // kTcp only
  std::uint16_t port = 0;  // kTcp only; 0 lets the system pick a free port for a listener
  std::string path = {};   // kUnix only, relative to the working directory unless it starts with '/'

  static Address tcp(std::string host, std::uint16_t port) { return {Kind::kTcp, std::move(host), port, {}}; }
  static Address unix_socket(std::string path) { return {Kind::kUnix, {}, 0, std::move(path)}; }

  // The form that parse_address reads: `127.0.0.1:80`, `[::1]:80`, `gpu-1:8000`, `unix:run/sluice.sock`.
  std::string to_string() const;

  bool operator==(const Address&) const = default;
};

// Reads the form above. Limits: a DNS name has 253 characters (RFC 1035 2.3.4), a socket path 107 bytes
// (sun_path less its NUL). Errors are kConfig, with a detail that says what was expected and never repeats
// the text.
Result<Address> parse_address(std::string_view text);

}  // namespace sluice

template <>
struct std::hash<sluice::Address> {
  std::size_t operator()(const sluice::Address& address) const noexcept;
};
