#pragma once

#include <cstdint>
#include <string_view>

namespace sluice {

// Header fields the gateway itself looks at, classified once when a head is parsed so that later look-ups
// compare one byte.
enum class HeaderId : std::uint8_t {
  kOther,
  kAccept,
  kAuthorization,
  kClientCert,
  kClientCertChain,
  kConnection,
  kContentEncoding,
  kContentLength,
  kContentType,
  kCookie,
  kDate,
  kExpect,
  kForwarded,
  kHost,
  kKeepAlive,
  kProxyAuthenticate,
  kProxyAuthorization,
  kProxyConnection,
  kRetryAfter,
  kServer,
  kSetCookie,
  kTe,
  kTraceparent,
  kTracestate,
  kTrailer,
  kTransferEncoding,
  kUpgrade,
  kUserAgent,
  kVia,
  kXForwardedClientCert,
  kXForwardedFor,
  kXForwardedHost,
  kXForwardedProto,
  kXRealIp,
  kXRequestId,
};

// Case-insensitive (RFC 9110 5.1).
HeaderId header_id(std::string_view name) noexcept;
// The lower-case name; empty for kOther.
std::string_view header_name(HeaderId id) noexcept;

bool equals_ignoring_case(std::string_view a, std::string_view b) noexcept;

}  // namespace sluice
