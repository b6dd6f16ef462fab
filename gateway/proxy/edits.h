#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gateway/http/headers.h"

namespace sluice {

// What a route changes in messages on their way. Made when the configuration is loaded, which has refused
// names that frame a message and values with control characters; immutable while it serves.

struct HeaderEdits {
  using NamedValue = std::pair<std::string, std::string>;

  // Done in this order.
  std::vector<std::string> remove = {};
  std::vector<NamedValue> set = {};  // replaces every field of that name
  std::vector<NamedValue> add = {};

  bool empty() const noexcept { return remove.empty() && set.empty() && add.empty(); }
  void apply(Headers& headers) const;
};

struct QueryEdits {
  // Done in this order; names are compared decoded, values are encoded where a query needs it.
  std::vector<std::string> remove = {};
  std::vector<std::pair<std::string, std::string>> set = {};

  bool empty() const noexcept { return remove.empty() && set.empty(); }
  // `query` and the result begin with '?' unless they are empty. Parameters that no edit names stay byte for
  // byte and in their order; those that are set follow.
  std::string apply(std::string_view query) const;
};

// Puts another text in the place of what a route's rule names of a path.
struct PathRewrite {
  std::size_t matched = 0;  // length of the exact path or prefix, in bytes
  std::string replacement = {};

  // Where the cut was at a '/', exactly one stands there again.
  std::string apply(std::string_view path) const;
};

struct RequestEdits {
  std::optional<PathRewrite> path = {};
  std::optional<std::string> host = {};
  HeaderEdits headers = {};
  QueryEdits query = {};

  bool empty() const noexcept { return !path && !host && headers.empty() && query.empty(); }
};

}  // namespace sluice
