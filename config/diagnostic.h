#pragma once

#include <cstdint>
#include <string>

namespace sluice::config {

// One thing wrong, or suspicious, in a configuration file, with the place where to change it.
struct Diagnostic {
  enum class Severity : std::uint8_t { kError, kWarning };

  Severity severity = Severity::kError;
  std::string file = {};
  int line = 0;           // from 1; 0 where the whole file is meant
  int column = 0;         // from 1, in characters; 0 with line 0
  std::string path = {};  // for example `routes[0].timeouts.connect`; empty for the whole document
  std::string message = {};
  std::string source_line = {};  // empty where there is none, or where it is too long to help

  // `FILE:LINE:COLUMN: PATH: MESSAGE` (`warning: ` before PATH of a warning), then the source line and a line
  // with a caret under the column. No newline at the end.
  std::string to_string() const;
};

}  // namespace sluice::config
