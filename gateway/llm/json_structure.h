#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "gateway/base/error.h"
#include "gateway/llm/request_view.h"

namespace sluice::llm {

enum class JsonType : std::uint8_t { kString, kNumber, kBoolean, kNull, kObject, kArray };

std::string_view with_article(JsonType type) noexcept;

struct JsonValue {
  JsonType type;
  Span span;
};

// Walks the structure of a JSON document: the offsets of its brackets, commas, colons and of the first byte
// of each string and scalar, as simdjson's first stage finds them. Checks the grammar at every depth and each
// scalar that it hands out. Internal to the request view; the first failure is kept and every later call
// fails too.
class JsonWalker {
 public:
  JsonWalker(std::string_view body, std::span<const std::uint32_t> structure)
      : body_(body), at_(structure.data()), end_(structure.data() + structure.size()) {}

  std::string_view body() const noexcept { return body_; }
  bool at_end() const noexcept { return at_ == end_; }
  // The byte at the cursor, 0 at the end, and its offset (the body's size at the end).
  char peek() const noexcept { return at_ == end_ ? '\0' : body_[*at_]; }
  std::uint32_t offset() const noexcept {
    return at_ == end_ ? static_cast<std::uint32_t>(body_.size()) : *at_;
  }

  // Where the bracket just stepped over ends.
  std::uint32_t previous_end() const noexcept { return at_[-1] + 1; }

  // Steps over `c`, or fails saying that `expected` was expected here.
  bool take(char c, std::string_view expected);
  // Steps over a member's name; the span has the quotes.
  bool take_name(Span& span);
  // Steps over a value of any kind at `depth` open containers. Containers are checked to their end.
  bool take_value(int depth, JsonValue& value);

  // Records a failure to parse at the cursor, or at `offset`. Always false.
  bool fail_here(std::string_view what) { return fail_at(offset(), what); }
  bool fail_at(std::size_t offset, std::string_view what);
  // Records a failure that one member is to blame for. Always false.
  bool fail_member(std::string param, std::string message);
  Error take_error() { return std::move(*error_); }

 private:
  bool skip_container(int depth);
  std::uint32_t scalar_end() const noexcept;

  std::string_view body_;
  const std::uint32_t* at_;
  const std::uint32_t* end_;
  std::optional<Error> error_;
};

// Is `text` exactly one JSON number (RFC 8259 section 6)?
bool is_json_number(std::string_view text) noexcept;

// Decodes the inside of a JSON string into `out`, which has room for `raw.size()` bytes. The length, or
// nullopt on an escape that RFC 8259 section 7 does not know and on half a surrogate pair.
std::optional<std::size_t> decode_json_string(std::string_view raw, char* out) noexcept;

}  // namespace sluice::llm
