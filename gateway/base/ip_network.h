#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "gateway/base/result.h"

namespace sluice {

// An IP address as a number of 128 bits. An IPv4 address is its mapped form (RFC 4291 2.5.5.2), so that a
// client is the same whether it came over a socket of one family or of both.
struct IpAddress {
  std::uint64_t high = 0;
  std::uint64_t low = 0;

  bool operator==(const IpAddress&) const = default;
};

// `10.1.2.3` or `2001:db8::1`, without port, brackets or zone; nullopt for anything else.
std::optional<IpAddress> parse_ip_address(std::string_view text) noexcept;

// The IP address of a peer as transports name it, `10.1.2.3:4000` or `[::1]:4000`; nullopt for a Unix
// socket's.
std::optional<IpAddress> peer_ip_address(std::string_view peer) noexcept;

// A block of addresses in CIDR notation (RFC 4632, RFC 4291 2.3).
class IpNetwork {
 public:
  // `10.0.0.0/8`, `2001:db8::/32`, or one address, which is a network of itself. Errors are kConfig with a
  // detail that completes "NAME ..."; bits set behind the prefix are an error, since they hide a slip.
  static Result<IpNetwork> parse(std::string_view text);

  bool contains(const IpAddress& address) const noexcept {
    return ((address.high ^ base_.high) & mask_.high) == 0 && ((address.low ^ base_.low) & mask_.low) == 0;
  }
  bool contains(const IpNetwork& other) const noexcept {
    return (mask_.high & ~other.mask_.high) == 0 && (mask_.low & ~other.mask_.low) == 0 &&
           contains(other.base_);
  }

 private:
  IpNetwork(IpAddress base, IpAddress mask) noexcept : base_(base), mask_(mask) {}

  IpAddress base_;
  IpAddress mask_;
};

}  // namespace sluice
