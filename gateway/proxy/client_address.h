#pragma once

#include <span>
#include <string>
#include <string_view>

#include "gateway/base/ip_network.h"
#include "gateway/http/headers.h"

namespace sluice {

// Who sent a request, seen through the proxies in front of the gateway.
struct ClientAddress {
  std::string text;            // an IP address without port, or the peer's name where it has none
  bool through_proxy = false;  // the peer is a trusted proxy: what it says of the client is passed on
};

// Walks the chain of proxies from the peer towards the client (X-Forwarded-For, or where that is absent
// Forwarded, RFC 7239) for as long as each hop is one of the trusted networks. The first address that is not
// is the client's; what stands further left anybody could have written. An entry that is no address
// (`unknown`,
// `_hidden`, garbage) ends the walk at the proxy that reported it.
//
// A proxy is trusted to set or extend X-Forwarded-For: one that extends only Forwarded must remove the other.
// At most kMaxProxyHops entries are looked at. Threads: any.
ClientAddress client_address(const Headers& headers, std::string_view peer,
                             std::span<const IpNetwork> trusted);

inline constexpr int kMaxProxyHops = 32;

// The host of a peer as transports name it: `10.1.2.3:4000` and `[::1]:4000` without port and brackets.
std::string_view host_of_peer(std::string_view peer) noexcept;

}  // namespace sluice
