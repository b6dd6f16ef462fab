#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "gateway/proxy/request.h"

namespace sluice {

// Where a hashing load balancer's key comes from.
struct HashSource {
  enum class Kind : std::uint8_t { kHeader, kCookie, kMember, kAddress };

  Kind kind = Kind::kAddress;
  std::string name = {};  // of the header, the cookie or the body's member
};

// The hash of the first source that the request has, the same in every process; nullopt if it has none.
// Headers and cookies are those that the backend gets, after the route's edits; members of the body are known
// where RouteRule::key_members names them. `client` is the client's address; a port is left out, since a
// client does not keep it.
std::optional<std::uint64_t> hash_key(std::span<const HashSource> sources, const Request& request,
                                      std::string_view client);

}  // namespace sluice
