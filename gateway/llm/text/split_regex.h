#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "gateway/base/result.h"

namespace sluice::text {

// Cuts a text where a vocabulary's pre-tokenizer cuts it: each match of a regular expression is a piece, and
// so is what lies between two matches. Wraps PCRE2 with Unicode properties and its JIT.
//
// `\s` and `\S` are rewritten to Unicode's White_Space property: PCRE2 counts U+180E as a space, the engines
// that the vocabularies were trained with do not.
//
// Immutable once compiled; `split` may be called from several threads at once.
class SplitRegex {
 public:
  // Fails (kConfig) with PCRE2's message if the pattern does not compile.
  static Result<SplitRegex> compile(std::string_view pattern);

  // Appends the pieces of `text`, which must be well-formed UTF-8; they point into it and together are all of
  // it. Fails (kInvalidBody) if matching exceeds PCRE2's limits.
  Result<void> split(std::string_view text, std::vector<std::string_view>& pieces) const;

 private:
  struct Code;
  explicit SplitRegex(std::shared_ptr<const Code> code) : code_(std::move(code)) {}

  std::shared_ptr<const Code> code_;  // shared by the copies of this value; PCRE2 code is immutable
};

}  // namespace sluice::text
