#pragma once

#include <cstdint>

#include "gateway/base/result.h"
#include "gateway/http/headers.h"

namespace sluice::http1 {

// How a message's body ends on the wire.
struct Framing {
  enum class Kind : std::uint8_t { kNone, kLength, kChunked, kUntilClose };
  Kind kind = Kind::kNone;
  std::uint64_t length = 0;  // kLength only
};

// RFC 9112 6.3 with nothing left to guess: Content-Length beside Transfer-Encoding, more than one of either,
// any coding but a lone "chunked", a length that is not plain digits, and Transfer-Encoding in HTTP/1.0 are
// refused, so that no other parser can frame the request differently. Errors: kMalformedRequest,
// kNotImplemented (an unknown transfer coding).
Result<Framing> request_framing(const Headers& headers, bool is_http10);

// The same for a response to a request of the given kind; errors are kUpstreamMalformed. Here
// Transfer-Encoding wins over Content-Length only as an error too: a backend that sends both is not trusted
// with the next request.
Result<Framing> response_framing(const Headers& headers, int status, bool to_head, bool is_http10);

}  // namespace sluice::http1
