#pragma once

#include <cstddef>
#include <expected>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "config/describe.h"
#include "config/diagnostic.h"
#include "config/problems.h"

namespace sluice::config {

inline constexpr std::size_t kMaxFileBytes = 1024 * 1024;

// A kind of document: the struct that it holds, and how an empty one is told what is missing.
struct DocumentKind {
  const Struct& record;
  std::string_view required;  // its required keys
};

struct ReadOutcome {
  bool ok = false;                           // no diagnostic is an error
  std::vector<Diagnostic> diagnostics = {};  // by position
};

// Fills `object`, a default-constructed struct of the kind's type, from a text. `check` runs on it before the
// diagnostics are gathered, also where some values could not be read.
ReadOutcome read_text(std::string_view text, std::string file_name, const DocumentKind& kind, void* object,
                      const std::function<void(Problems&)>& check);

// What is said of a file as a whole.
ReadOutcome refuse_file(const std::string& path, std::string message);

// At most one byte more than kMaxFileBytes, which read_text refuses; the error says why nothing could be
// read.
std::expected<std::string, std::string> read_file(const std::string& path);

}  // namespace sluice::config
