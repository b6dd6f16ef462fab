#include "gateway/llm/text/utf8.h"

namespace sluice::text {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

// How a character that begins with a given byte goes on: its length, and the range its second byte must be in
// (Unicode 15, table 3-7: this is what rules out surrogates, overlong forms and values above U+10FFFF).
struct Form {
  unsigned length;
  unsigned char second_min;
  unsigned char second_max;
};

constexpr Form form_of(unsigned char lead) {
  if (lead < 0x80) return {1, 0, 0};
  if (lead < 0xC2) return {0, 0, 0};
  if (lead < 0xE0) return {2, 0x80, 0xBF};
  if (lead == 0xE0) return {3, 0xA0, 0xBF};
  if (lead == 0xED) return {3, 0x80, 0x9F};
  if (lead < 0xF0) return {3, 0x80, 0xBF};
  if (lead == 0xF0) return {4, 0x90, 0xBF};
  if (lead < 0xF4) return {4, 0x80, 0xBF};
  if (lead == 0xF4) return {4, 0x80, 0x8F};
  return {0, 0, 0};
}

struct Scan {
  std::size_t length;  // bytes that belong together
  bool valid;          // they are a whole character
  bool cut;            // they could become one if more bytes came
};

Scan scan(std::string_view bytes) {
  const Form form = form_of(static_cast<unsigned char>(bytes[0]));
  if (form.length == 0) return {1, false, false};
  for (std::size_t i = 1; i < form.length; ++i) {
    if (i == bytes.size()) return {i, false, true};
    const auto byte = static_cast<unsigned char>(bytes[i]);
    const unsigned char min = i == 1 ? form.second_min : 0x80;
    const unsigned char max = i == 1 ? form.second_max : 0xBF;
    if (byte < min || byte > max) return {i, false, false};
  }
  return {form.length, true, false};
}

}  // namespace

std::size_t append_utf8(std::string_view bytes, bool last, std::string& out) {
  std::size_t used = 0;
  while (used < bytes.size()) {
    const Scan next = scan(bytes.substr(used));
    if (next.cut && !last) break;
    out += next.valid ? bytes.substr(used, next.length) : kReplacement;
    used += next.length;
  }
  return used;
}

bool is_valid_utf8(std::string_view text) noexcept {
  std::size_t position = 0;
  while (position < text.size()) {
    const Scan next = scan(text.substr(position));
    if (!next.valid) return false;
    position += next.length;
  }
  return true;
}

char32_t next_code_point(std::string_view text, std::size_t& position) noexcept {
  const auto lead = static_cast<unsigned char>(text[position]);
  const unsigned length = form_of(lead).length;
  if (length <= 1 || position + length > text.size()) {
    ++position;
    return lead;
  }
  char32_t code_point = lead & (0xFFU >> (length + 1));
  for (unsigned i = 1; i < length; ++i) {
    code_point = (code_point << 6) | (static_cast<unsigned char>(text[position + i]) & 0x3FU);
  }
  position += length;
  return code_point;
}

void append_code_point(char32_t code_point, std::string& out) {
  const auto trail = [&](unsigned shift) {
    out += static_cast<char>(0x80U | ((code_point >> shift) & 0x3FU));
  };
  if (code_point < 0x80) {
    out += static_cast<char>(code_point);
  } else if (code_point < 0x800) {
    out += static_cast<char>(0xC0U | (code_point >> 6));
    trail(0);
  } else if (code_point < 0x10000 && (code_point < 0xD800 || code_point > 0xDFFF)) {
    out += static_cast<char>(0xE0U | (code_point >> 12));
    trail(6);
    trail(0);
  } else if (code_point >= 0x10000 && code_point <= 0x10FFFF) {
    out += static_cast<char>(0xF0U | (code_point >> 18));
    trail(12);
    trail(6);
    trail(0);
  } else {
    out += kReplacement;
  }
}

std::size_t count_code_points(std::string_view text) noexcept {
  std::size_t count = 0;
  for (const char c : text)
    count += (static_cast<unsigned char>(c) & 0xC0U) != 0x80U;
  return count;
}

}  // namespace sluice::text
