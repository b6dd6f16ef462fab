#include "config/diagnostic.h"

#include <fmt/format.h>

#include <cstddef>

namespace sluice::config {
namespace {

// Blanks under the characters before `column`; a tab stays a tab, so that the caret lines up on any terminal.
std::string blanks_before(const std::string& line, int column) {
  std::string blanks;
  int at = 1;
  for (const char c : line) {
    if ((static_cast<unsigned char>(c) & 0xC0U) == 0x80U) continue;  // the inside of a UTF-8 character
    if (at++ == column) break;
    blanks += c == '\t' ? '\t' : ' ';
  }
  return blanks;
}

}  // namespace

std::string Diagnostic::to_string() const {
  std::string out = file;
  if (line > 0) out += fmt::format(":{}:{}", line, column);
  out += ": ";
  if (severity == Severity::kWarning) out += "warning: ";
  if (!path.empty()) out += path + ": ";
  out += message;
  if (!source_line.empty())
    out += fmt::format("\n  {}\n  {}^", source_line, blanks_before(source_line, column));
  return out;
}

}  // namespace sluice::config
