#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "gateway/base/pattern.h"
#include "gateway/http/headers.h"

namespace sluice {

// A condition on a request header or on a parameter of the query. Where a name occurs more than once, one
// occurrence that fits is enough.
struct FieldMatch {
  enum class Kind : std::uint8_t { kPresent, kAbsent, kExact, kPrefix, kRegex };

  std::string name;
  Kind kind = Kind::kPresent;
  std::string value = {};               // kExact, kPrefix
  std::optional<Pattern> pattern = {};  // kRegex, of the whole value

  bool matches_header(const Headers& headers) const;
  // `query` may begin with its '?'. Names and values are compared decoded
  // (application/x-www-form-urlencoded).
  bool matches_query(std::string_view query) const;

 private:
  bool matches_value(std::string_view text) const;
};

// A name or value of a query with `%41` and `+` decoded; an escape that is none stays as it is. `scratch`
// holds the result where it differs from `raw`.
std::string_view decode_query_text(std::string_view raw, std::string& scratch);

}  // namespace sluice
