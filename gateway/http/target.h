#pragma once

#include <string>
#include <string_view>

#include "gateway/base/result.h"

namespace sluice {

// Views of the raw target; of `rewritten` if the path is not canonical there.
struct Target {
  std::string_view
      authority;  // of an absolute-form target, which wins over Host (RFC 9112 3.2.2); else empty
  std::string_view path;
  std::string_view query;  // with its '?'
};

// Splits a request target and makes its path canonical, so that a route's rule and the backend cannot
// disagree about it: percent-escapes of unreserved characters are decoded and the others upper-cased (RFC
// 3986 6.2.2). What has no single meaning is refused with kMalformedRequest instead of guessed: dot segments
// (also escaped, also in front of a ';'), empty segments, an escaped slash, backslash or NUL, bad escapes,
// fragments, spaces, controls and bytes above ASCII. "*" is accepted as it is. `rewritten` is
// left empty if the canonical path lies in `raw`.
Result<Target> parse_target(std::string_view raw, std::string& rewritten);

// uri-host [":" port] of RFC 9112 3.2; an empty Host is allowed by the grammar and refused here.
bool is_valid_authority(std::string_view text) noexcept;

}  // namespace sluice
