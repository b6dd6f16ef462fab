#include "config/source_text.h"

#include <algorithm>
#include <utility>

namespace sluice::config {
namespace {

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

bool is_continuation(char c) {
  return (static_cast<unsigned char>(c) & 0xC0U) == 0x80U;
}

// The length of the UTF-8 character at the start of `text`, 0 if there is none (RFC 3629 section 4).
std::size_t character_length(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(0);
  if (first < 0x80) return 1;
  const std::size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  if (first < 0xC2 || first > 0xF4 || text.size() < length) return 0;
  if (!std::ranges::all_of(text.substr(1, length - 1), is_continuation)) return 0;
  const bool overlong = (first == 0xE0 && byte(1) < 0xA0) || (first == 0xF0 && byte(1) < 0x90);
  const bool surrogate = first == 0xED && byte(1) > 0x9F;
  const bool past_unicode = first == 0xF4 && byte(1) > 0x8F;
  return overlong || surrogate || past_unicode ? 0 : length;
}

bool is_refused_control(char c) {
  return (static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7F;
}

}  // namespace

SourceText::SourceText(std::string_view text) {
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  text_ = text;
  std::string_view rest = text_;
  while (!rest.empty()) {
    const std::size_t end = rest.find('\n');
    std::string_view line = rest.substr(0, end);
    rest = end == rest.npos ? std::string_view() : rest.substr(end + 1);
    if (line.ends_with('\r')) line.remove_suffix(1);
    lines_.push_back(line);
  }
}

std::string_view SourceText::line(int number) const {
  const auto index = static_cast<std::size_t>(number - 1);
  return number >= 1 && index < lines_.size() ? lines_[index] : std::string_view();
}

int SourceText::character_column(Position position) const {
  const auto bytes_before = static_cast<std::size_t>(std::max(position.column - 1, 0));
  const auto continuations =
      std::ranges::count_if(line(position.line).substr(0, bytes_before), is_continuation);
  return position.column - static_cast<int>(continuations);
}

std::optional<TextFault> SourceText::find_fault() const {
  for (int number = 1; number <= static_cast<int>(lines_.size()); ++number) {
    if (auto fault = fault_in_line(number)) return fault;
  }
  return std::nullopt;
}

std::optional<TextFault> SourceText::fault_in_line(int number) const {
  const std::string_view line = this->line(number);
  const auto fault = [number](std::size_t byte, std::string message) {
    return TextFault{{number, static_cast<int>(byte) + 1}, std::move(message)};
  };
  for (std::size_t i = 0; i < line.size();) {
    const std::size_t length = character_length(line.substr(i));
    if (length == 0) return fault(i, "is not UTF-8; save the file in that encoding");
    if (line[i] == '\r') return fault(i, "has a carriage return inside a line; end lines with a line feed");
    if (is_refused_control(line[i]))
      return fault(i, "has a control character; remove it, or write it as an escape in double quotes");
    i += length;
  }
  const std::size_t content = line.find_first_not_of(" \t");
  if (content == line.npos || line[content] == '#') return std::nullopt;
  const std::size_t tab = line.substr(0, content).find('\t');
  if (tab == line.npos) return std::nullopt;
  return fault(tab, "has a tab in its indentation; YAML indents with spaces");
}

}  // namespace sluice::config
