#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "gateway/base/result.h"

namespace re2 {
class RE2;
}

namespace sluice {

// A regular expression of the configuration, compiled once and shared by all threads. It is RE2's, whose time
// grows with the text's length and never with the pattern's wit, so that no text can make it slow; what only
// backtracking can do (look-around, back references) does not exist in it.
class Pattern {
 public:
  // Of one compiled pattern with its automata. Above it compiling fails; while matching, RE2 falls back to a
  // slower engine, linear as well.
  static constexpr std::int64_t kMaxMemory = 1 << 20;

  // Errors are kConfig, with RE2's word on what is wrong as detail.
  static Result<Pattern> compile(std::string_view expression);

  // Does the whole text match?
  bool matches(std::string_view text) const;

 private:
  explicit Pattern(std::shared_ptr<const re2::RE2> compiled) noexcept : compiled_(std::move(compiled)) {}

  std::shared_ptr<const re2::RE2> compiled_;
};

}  // namespace sluice
