#include "gateway/llm/text/jinja/text_functions.h"

#include <algorithm>
#include <cstdint>
#include <stdexcept>

#include "gateway/llm/text/jinja/value.h"
#include "gateway/llm/text/utf8.h"

namespace sluice::jinja {
namespace {

bool is_space(char32_t c) {
  return (c >= 0x09 && c <= 0x0D) || (c >= 0x1C && c <= 0x20) || c == 0x85 || c == 0xA0 || c == 0x1680 ||
         (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F || c == 0x205F ||
         c == 0x3000;
}

void check_size(std::size_t size) {
  if (size / 64 > Value::kHeaviest) throw std::invalid_argument("a text is too long");
}

// The part of `text` between the first and the last character that `drop` does not claim.
template <class Drop>
std::string strip_with(std::string_view text, Side side, Drop drop) {
  std::size_t begin = text.size();
  std::size_t end = 0;
  for (std::size_t position = 0; position < text.size();) {
    const std::size_t at = position;
    if (drop(text::next_code_point(text, position))) continue;
    begin = std::min(begin, at);
    end = position;
  }
  if (side == Side::kRight) begin = 0;
  if (side == Side::kLeft) end = text.size();
  return begin < end ? std::string(text.substr(begin, end - begin)) : std::string();
}

char upper_letter(char c) {
  return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
}
char lower_letter(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

}  // namespace

std::string stripped(std::string_view text, Side side) {
  return strip_with(text, side, is_space);
}

std::string stripped(std::string_view text, Side side, std::string_view characters) {
  std::u32string set;
  for (std::size_t position = 0; position < characters.size();)
    set += text::next_code_point(characters, position);
  return strip_with(text, side, [&](char32_t c) { return set.contains(c); });
}

std::vector<std::string> split_at_spaces(std::string_view text, std::int64_t most) {
  std::vector<std::string> words;
  std::size_t position = 0;
  while (position < text.size()) {
    std::size_t begin = position;
    if (is_space(text::next_code_point(text, position))) continue;
    if (most >= 0 && static_cast<std::int64_t>(words.size()) == most) {
      words.push_back(stripped(text.substr(begin), Side::kLeft));
      return words;
    }
    std::size_t end = position;
    while (position < text.size() && !is_space(text::next_code_point(text, position)))
      end = position;
    words.emplace_back(text.substr(begin, end - begin));
  }
  return words;
}

std::vector<std::string> split_at(std::string_view text, std::string_view separator, std::int64_t most) {
  if (separator.empty()) throw std::invalid_argument("split: the separator is empty");
  std::vector<std::string> parts;
  while (most < 0 || static_cast<std::int64_t>(parts.size()) < most) {
    const std::size_t at = text.find(separator);
    if (at == text.npos) break;
    parts.emplace_back(text.substr(0, at));
    text.remove_prefix(at + separator.size());
  }
  parts.emplace_back(text);
  return parts;
}

std::string replaced(std::string_view text, std::string_view from, std::string_view to, std::int64_t most) {
  std::string result;
  std::size_t position = 0;
  for (std::int64_t done = 0; most < 0 || done < most; ++done) {
    const std::size_t at = text.find(from, position);
    if (at == text.npos) break;
    result += text.substr(position, at - position);
    result += to;
    position = at + from.size();
    if (from.empty()) {  // between all characters, as Python does
      if (at == text.size()) return result;
      text::next_code_point(text, position);
      result += text.substr(at, position - at);
    }
    check_size(result.size());
  }
  return result += text.substr(position);
}

std::string upper(std::string_view text) {
  std::string result(text);
  std::ranges::transform(result, result.begin(), upper_letter);
  return result;
}

std::string lower(std::string_view text) {
  std::string result(text);
  std::ranges::transform(result, result.begin(), lower_letter);
  return result;
}

std::string capitalized(std::string_view text) {
  std::string result = lower(text);
  if (!result.empty()) result[0] = upper_letter(result[0]);
  return result;
}

std::string titled(std::string_view text) {
  std::string result = lower(text);
  bool inside = false;
  for (char& c : result) {
    const bool letter = (c >= 'a' && c <= 'z') || static_cast<unsigned char>(c) >= 0x80;
    if (letter && !inside) c = upper_letter(c);
    inside = letter;
  }
  return result;
}

std::string indented(std::string_view text, std::string_view by, bool first, bool blank) {
  std::string result;
  bool first_line = true;
  while (true) {
    const std::size_t end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    if (first_line ? first : (blank || !line.empty())) result += by;
    result += line;
    check_size(result.size());
    if (end == text.npos) return result;
    result += '\n';
    text.remove_prefix(end + 1);
    first_line = false;
  }
}

}  // namespace sluice::jinja
