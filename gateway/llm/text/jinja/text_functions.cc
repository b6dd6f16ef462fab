#include "gateway/llm/text/jinja/text_functions.h"

#include <string.h>  // memmem
#include <unicode/bytestream.h>
#include <unicode/casemap.h>
#include <unicode/stringoptions.h>
#include <unicode/uchar.h>

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

constexpr std::size_t kMostStripped = 1024;  // bytes

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

// How ICU maps a UTF-8 text to another case.
using CaseMapping = void (*)(icu::StringPiece text, icu::ByteSink& sink, UErrorCode& status);

std::string mapped(std::string_view text, CaseMapping mapping) {
  std::string result;
  icu::StringByteSink<std::string> sink(&result);
  UErrorCode status = U_ZERO_ERROR;
  mapping({text.data(), static_cast<std::int32_t>(text.size())}, sink, status);
  if (U_FAILURE(status)) throw std::invalid_argument("a text cannot be mapped to another case");
  return result;
}

// The length in bytes of the first character, 0 of an empty text.
std::size_t first_size(std::string_view text) {
  std::size_t position = 0;
  if (!text.empty()) text::next_code_point(text, position);
  return position;
}

std::string with_title_case(std::string_view character) {
  return mapped(character, [](icu::StringPiece piece, icu::ByteSink& sink, UErrorCode& status) {
    icu::CaseMap::utf8ToTitle("", U_TITLECASE_WHOLE_STRING | U_TITLECASE_NO_BREAK_ADJUSTMENT, nullptr, piece,
                              sink, nullptr, status);
  });
}

bool is_cased(char32_t c) {
  return u_hasBinaryProperty(static_cast<UChar32>(c), UCHAR_CASED);
}

template <class Holds>
bool all_characters(std::string_view text, Holds holds) {
  for (std::size_t position = 0; position < text.size();) {
    if (!holds(text::next_code_point(text, position))) return false;
  }
  return !text.empty();
}

// Python's numeric types, Unicode's Numeric_Type: decimal digits, other digits, other numbers.
int numeric_type(char32_t c) {
  return u_getIntPropertyValue(static_cast<UChar32>(c), UCHAR_NUMERIC_TYPE);
}

bool has_only_case(std::string_view text, UProperty wanted) {
  bool found = false;
  for (std::size_t position = 0; position < text.size();) {
    const char32_t c = text::next_code_point(text, position);
    if (!is_cased(c)) continue;
    if (!u_hasBinaryProperty(static_cast<UChar32>(c), wanted)) return false;
    found = true;
  }
  return found;
}

}  // namespace

std::string stripped(std::string_view text, Side side) {
  return strip_with(text, side, is_space);
}

std::string stripped(std::string_view text, Side side, std::string_view characters) {
  if (characters.size() > kMostStripped) throw std::invalid_argument("strip: too many characters");
  std::u32string set;
  for (std::size_t position = 0; position < characters.size();)
    set += text::next_code_point(characters, position);
  std::ranges::sort(set);
  return strip_with(text, side, [&](char32_t c) { return std::ranges::binary_search(set, c); });
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
    const std::size_t at = find_text(text, separator, 0);
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
    const std::size_t at = find_text(text, from, position);
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
  return mapped(text, [](icu::StringPiece piece, icu::ByteSink& sink, UErrorCode& status) {
    icu::CaseMap::utf8ToUpper("", 0, piece, sink, nullptr, status);
  });
}

std::string lower(std::string_view text) {
  return mapped(text, [](icu::StringPiece piece, icu::ByteSink& sink, UErrorCode& status) {
    icu::CaseMap::utf8ToLower("", 0, piece, sink, nullptr, status);
  });
}

std::string capitalized(std::string_view text) {
  const std::size_t first = first_size(text);
  return with_title_case(text.substr(0, first)) + lower(text.substr(first));
}

std::string titled(std::string_view text) {
  std::string result;
  bool inside = false;
  for (std::size_t position = 0; position < text.size();) {
    const std::size_t begin = position;
    const bool cased = is_cased(text::next_code_point(text, position));
    const std::string_view character = text.substr(begin, position - begin);
    if (cased) {
      result += inside ? lower(character) : with_title_case(character);
    } else {
      result += character;
    }
    inside = cased;
  }
  return result;
}

std::string titled_words(std::string_view text) {
  std::string result;
  std::size_t word = 0;
  const auto end_word = [&](std::size_t end) {
    const std::string_view letters = text.substr(word, end - word);
    const std::size_t first = first_size(letters);
    result += upper(letters.substr(0, first)) + lower(letters.substr(first));
  };
  for (std::size_t position = 0; position < text.size();) {
    const std::size_t begin = position;
    const char32_t c = text::next_code_point(text, position);
    if (!is_space(c) && c != '-' && c != '(' && c != '{' && c != '[' && c != '<') continue;
    end_word(begin);
    result += text.substr(begin, position - begin);
    word = position;
  }
  end_word(text.size());
  return result;
}

bool is_upper(std::string_view text) {
  return has_only_case(text, UCHAR_UPPERCASE);
}

bool is_lower(std::string_view text) {
  return has_only_case(text, UCHAR_LOWERCASE);
}

bool is_alphabetic(std::string_view text) {
  return all_characters(text, [](char32_t c) { return u_isalpha(static_cast<UChar32>(c)) != 0; });
}

bool is_alphanumeric(std::string_view text) {
  return all_characters(text, [](char32_t c) {
    return u_isalpha(static_cast<UChar32>(c)) != 0 || numeric_type(c) != U_NT_NONE;
  });
}

bool is_digits(std::string_view text) {
  return all_characters(
      text, [](char32_t c) { return numeric_type(c) == U_NT_DECIMAL || numeric_type(c) == U_NT_DIGIT; });
}

bool is_spaces(std::string_view text) {
  return all_characters(text, is_space);
}

std::size_t find_text(std::string_view text, std::string_view part, std::size_t from) {
  if (from > text.size()) return text.npos;
  if (part.empty()) return from;
  const void* found = memmem(text.data() + from, text.size() - from, part.data(), part.size());
  if (found == nullptr) return text.npos;
  return static_cast<std::size_t>(static_cast<const char*>(found) - text.data());
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
