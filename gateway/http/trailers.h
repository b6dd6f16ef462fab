#pragma once

#include <cstddef>
#include <cstdint>

#include "gateway/http/header_id.h"

namespace sluice {

// What becomes of a field that follows a body.
enum class TrailerFate : std::uint8_t {
  kKept,
  kDropped,
  kForbidden,  // the message is malformed
};

// RFC 9110 6.5.1: fields that frame or route must not be sent after the body: whoever does hopes for a parser
// that believes them. Those that authenticate or describe the content mean nothing there; nor do those of one
// connection (7.6.1) or those by which a proxy vouches for a client.
TrailerFate trailer_fate(HeaderId id) noexcept;

}  // namespace sluice
