#include "gateway/base/ip_network.h"

#include <arpa/inet.h>

#include <array>
#include <charconv>
#include <string>

namespace sluice {
namespace {

constexpr std::string_view kExpected = "must be an IP network such as 10.0.0.0/8 or 2001:db8::/32";
constexpr unsigned kMappedBits = 96;  // in front of an IPv4 address in its mapped form

std::uint64_t big_endian(const unsigned char* bytes) noexcept {
  std::uint64_t value = 0;
  for (int i = 0; i < 8; ++i)
    value = value << 8 | bytes[i];
  return value;
}

// The upper `bits` of 64.
std::uint64_t leading_ones(unsigned bits) noexcept {
  return bits == 0 ? 0 : ~std::uint64_t{0} << (64 - bits);
}

IpAddress mask_of(unsigned bits) noexcept {
  return bits <= 64 ? IpAddress{leading_ones(bits), 0}
                    : IpAddress{~std::uint64_t{0}, leading_ones(bits - 64)};
}

// Four decimal numbers without leading zeros, as inet_pton takes them, in a fraction of its time: clients'
// addresses are read on the request path.
std::optional<std::uint32_t> parse_ipv4(std::string_view text) noexcept {
  std::uint32_t address = 0;
  const char* at = text.data();
  const char* const end = at + text.size();
  for (int octet = 0; octet < 4; ++octet) {
    if (octet > 0) {
      if (at == end || *at != '.') return std::nullopt;
      ++at;
    }
    std::uint32_t value = 0;
    const char* const first = at;
    while (at != end && *at >= '0' && *at <= '9' && at - first < 3)
      value = value * 10 + static_cast<std::uint32_t>(*at++ - '0');
    if (at == first || value > 255 || (*first == '0' && at - first > 1)) return std::nullopt;
    address = address << 8 | value;
  }
  if (at != end) return std::nullopt;
  return address;
}

}  // namespace

std::optional<IpAddress> parse_ip_address(std::string_view text) noexcept {
  if (!text.contains(':')) {
    const std::optional<std::uint32_t> address = parse_ipv4(text);
    if (!address) return std::nullopt;
    return IpAddress{0, std::uint64_t{0xffff} << 32 | *address};
  }
  std::array<char, INET6_ADDRSTRLEN + 1> terminated{};
  if (text.size() >= terminated.size()) return std::nullopt;
  text.copy(terminated.data(), text.size());
  std::array<unsigned char, 16> bytes{};
  if (inet_pton(AF_INET6, terminated.data(), bytes.data()) != 1) return std::nullopt;
  return IpAddress{big_endian(bytes.data()), big_endian(bytes.data() + 8)};
}

std::optional<IpAddress> peer_ip_address(std::string_view peer) noexcept {
  const std::size_t colon = peer.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  peer = peer.substr(0, colon);
  if (peer.starts_with('[') && peer.ends_with(']')) peer = peer.substr(1, peer.size() - 2);
  return parse_ip_address(peer);
}

Result<IpNetwork> IpNetwork::parse(std::string_view text) {
  const std::size_t slash = text.find('/');
  const std::string_view base_text = text.substr(0, slash);
  const auto base = parse_ip_address(base_text);
  if (!base) return fail(ErrorKind::kConfig, std::string(kExpected));
  const bool is_v4 = !base_text.contains(':');
  const unsigned longest = is_v4 ? 32 : 128;
  unsigned bits = longest;
  if (slash != std::string_view::npos) {
    const std::string_view length = text.substr(slash + 1);
    const auto [end, error] = std::from_chars(length.data(), length.data() + length.size(), bits);
    if (error != std::errc{} || end != length.data() + length.size() || bits > longest)
      return fail(ErrorKind::kConfig, std::string(kExpected));
  }
  const IpAddress mask = mask_of(bits + (is_v4 ? kMappedBits : 0));
  if ((base->high & ~mask.high) != 0 || (base->low & ~mask.low) != 0) {
    return fail(ErrorKind::kConfig, "has bits set behind its first " + std::to_string(bits) +
                                        "; write the network's first address, or a longer prefix");
  }
  return IpNetwork(*base, mask);
}

}  // namespace sluice
