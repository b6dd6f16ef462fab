#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "gateway/http/headers.h"

namespace sluice {

// CONNECT, TRACE and unknown methods never become a RequestHead: the codec answers 405 or 501.
enum class Method : std::uint8_t { kGet, kHead, kPost, kPut, kDelete, kPatch, kOptions };

std::string_view name(Method method) noexcept;
std::optional<Method> parse_method(std::string_view text) noexcept;

// A request's head in the terms of RFC 9110, the same from every codec. `path` is canonical (see target.h),
// so that a rule and the backend see the same thing; framing fields (Content-Length, Transfer-Encoding) are
// consumed by the codec and not among the headers, Host is `authority`.
struct RequestHead {
  Method method = Method::kGet;
  ByteRange authority_range;
  ByteRange path_range;
  ByteRange query_range;  // with its '?', empty if there is none
  Headers headers;        // owns the bytes of the ranges as well

  std::string_view authority() const noexcept { return headers.text(authority_range); }
  std::string_view path() const noexcept { return headers.text(path_range); }
  std::string_view query() const noexcept { return headers.text(query_range); }

  // With room for more, so that adding them allocates nothing.
  RequestHead copy(std::size_t more_fields, std::size_t more_bytes) const {
    return {method, authority_range, path_range, query_range, headers.copy(more_fields, more_bytes)};
  }

  void set_authority(std::string_view text) { authority_range = headers.append_text(text); }
  void set_target(std::string_view path, std::string_view query) {
    path_range = headers.append_text(path);
    query_range = headers.append_text(query);
  }
};

// A response's head. A known body length is here and not among the headers; the codec frames the body.
struct ResponseHead {
  int status = 200;
  std::optional<std::uint64_t> content_length;
  Headers headers;
};

// RFC 9110 15; empty for a status without a registered phrase.
std::string_view reason_phrase(int status) noexcept;

// Responses that never have a body whatever their headers say (RFC 9112 6.3, rule 1), HEAD apart.
constexpr bool status_has_no_body(int status) noexcept {
  return status == 204 || status == 304 || (status >= 100 && status < 200);
}

}  // namespace sluice
