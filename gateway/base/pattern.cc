#include "gateway/base/pattern.h"

#include <re2/re2.h>

#include <string>
#include <utility>

namespace sluice {

Result<Pattern> Pattern::compile(std::string_view expression) {
  RE2::Options options;
  options.set_max_mem(kMaxMemory);
  options.set_log_errors(false);
  options.set_never_capture(true);
  auto compiled =
      std::make_shared<const RE2>(re2::StringPiece(expression.data(), expression.size()), options);
  if (!compiled->ok()) return fail(ErrorKind::kConfig, compiled->error());
  return Pattern(std::move(compiled));
}

bool Pattern::matches(std::string_view text) const {
  return RE2::FullMatch(re2::StringPiece(text.data(), text.size()), *compiled_);
}

}  // namespace sluice
