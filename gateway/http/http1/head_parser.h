#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "gateway/base/result.h"
#include "gateway/http/head.h"
#include "gateway/http/server_limits.h"

namespace sluice::http1 {

using sluice::HeadLimits;

// Splits a head into lines as bytes arrive and records where its fields are. Strict where two parsers could
// disagree: every line ends with CRLF (RFC 9112 2.2 lets a bare LF pass, this does not), no line folding
// (5.2), no empty or invalid field name, no control character in a value. A space before a colon is refused
// in requests and removed from responses (5.1). A
// wrong byte is refused as soon as its line is complete, not when the head is.
//
// feed() is given everything received since the head's first byte, again and longer each time; it looks at no
// byte twice. Positions are offsets from that first byte.
class HeadParser {
 public:
  enum class Kind : std::uint8_t { kRequest, kResponse };

  HeadParser(Kind kind, const HeadLimits& limits) noexcept : kind_(kind), limits_(limits) {}

  // The head's size once it is complete, nullopt while more bytes are needed. Errors for requests:
  // kMalformedRequest, kUriTooLong, kHeadTooLarge, kUnsupportedVersion, kMethodNotAllowed, kNotImplemented;
  // for responses: kUpstreamMalformed.
  Result<std::optional<std::size_t>> feed(std::string_view received);

  // After completion, once: the head, whose block is the received bytes.
  struct Request {
    RequestHead head;
    bool is_http10 = false;
  };
  // Errors: kMalformedRequest (target, Host).
  Result<Request> request(std::string_view received);

  struct Response {
    ResponseHead head;
    bool is_http10 = false;
  };
  Result<Response> response(std::string_view received);

 private:
  std::unexpected<Error> malformed(const char* why) const;
  Result<void> take_line(std::string_view received, std::size_t begin, std::size_t end);
  Result<void> take_request_line(std::string_view line, std::size_t begin);
  Result<void> take_status_line(std::string_view line);
  Result<void> take_field(std::string_view received, std::size_t begin, std::size_t end, bool plain);
  struct LineEnd {
    std::size_t at;  // of its LF; npos while there is none
    bool plain;      // the line has no control character
  };
  LineEnd find_line_end(std::string_view received) const noexcept;
  bool in_first_line() const noexcept;
  bool is_too_long(std::size_t size) const noexcept;
  std::unexpected<Error> too_long(std::size_t size) const;
  Headers take_headers(std::string_view received, std::size_t room_for_more);

  Kind kind_;
  HeadLimits limits_;
  std::size_t scanned_ = 0;     // bytes searched for a line end
  std::size_t line_start_ = 0;  // where the line under way begins
  std::size_t head_start_ = 0;  // after empty lines in front of a request (RFC 9112 2.2)
  bool has_start_line_ = false;
  bool complete_ = false;
  Method method_ = Method::kGet;
  ByteRange target_;
  int status_ = 0;
  bool is_http10_ = false;
  Headers headers_;  // ranges alone; their block comes with completion
};

}  // namespace sluice::http1
