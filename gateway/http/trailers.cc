#include "gateway/http/trailers.h"

namespace sluice {

TrailerFate trailer_fate(HeaderId id) noexcept {
  switch (id) {
    case HeaderId::kContentLength:
    case HeaderId::kTransferEncoding:
    case HeaderId::kHost:
      return TrailerFate::kForbidden;
    case HeaderId::kAuthorization:
    case HeaderId::kConnection:
    case HeaderId::kKeepAlive:
    case HeaderId::kProxyAuthenticate:
    case HeaderId::kProxyAuthorization:
    case HeaderId::kProxyConnection:
    case HeaderId::kExpect:
    case HeaderId::kForwarded:
    case HeaderId::kXForwardedFor:
    case HeaderId::kXForwardedHost:
    case HeaderId::kXForwardedProto:
    case HeaderId::kXRealIp:
    case HeaderId::kTrailer:
    case HeaderId::kTe:
    case HeaderId::kUpgrade:
    case HeaderId::kSetCookie:
    case HeaderId::kCookie:
    case HeaderId::kContentType:
    case HeaderId::kContentEncoding:
      return TrailerFate::kDropped;
    default:
      return TrailerFate::kKept;
  }
}

}  // namespace sluice
