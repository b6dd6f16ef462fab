#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>

#include "gateway/base/result.h"
#include "gateway/http/head.h"
#include "gateway/http/server_limits.h"

namespace sluice::http2 {

// Collects the decoded fields of one request and makes its head of them, the same head that HTTP/1.1 would
// have made (RFC 9113 8.3.1). The session has checked what makes fields well-formed: names in lower case,
// no control characters, pseudo-fields once and in front, none that belong to one connection.
//
// A field is charged 32 + name + value (RFC 9113 6.5.2) as it appears, cookies, Host and pseudo-fields too.
// Nothing is kept of a head that has outgrown its limits.
class RequestFields {
 public:
  explicit RequestFields(const HeadLimits& limits) noexcept : limits_(limits) {}

  void add(std::string_view name, std::string_view value);
  std::size_t charged() const noexcept { return charged_; }

  struct Request {
    RequestHead head;
    std::optional<std::uint64_t> length;
    bool expects_continue = false;
  };
  struct Failure {
    Error error;
    bool malformed = false;  // the stream is reset (RFC 9113 8.1.1); else the error is answered
  };
  // Once, when the head is complete. Errors that are answered: kHeadTooLarge, kUriTooLong, kMalformedRequest
  // (target), kMethodNotAllowed, kNotImplemented, kExpectationFailed.
  std::expected<Request, Failure> finish();

 private:
  void add_pseudo(std::string_view name, std::string_view value);
  std::optional<Failure> take_authority();
  std::optional<Failure> take_target();

  const HeadLimits& limits_;
  RequestHead head_;
  std::size_t charged_ = 0;
  std::string method_;
  std::string scheme_;
  ByteRange path_;  // like the authority among the head's bytes
  std::optional<std::string> cookie_;
  bool too_large_ = false;
};

}  // namespace sluice::http2
