#include "gateway/base/json_escape.h"

#include <algorithm>
#include <cstdint>

#include "gateway/base/byte_scan.h"

namespace sluice {
namespace {

std::uint8_t byte_at(std::string_view text, std::size_t i) {
  return static_cast<std::uint8_t>(text[i]);
}

// How many leading bytes of `text` could begin a well-formed sequence, and how long that sequence would be.
struct Sequence {
  std::size_t matched;
  std::size_t expected;
};

Sequence match_sequence(std::string_view text) noexcept {
  const std::uint8_t lead = byte_at(text, 0);
  if (lead < 0x80) return {1, 1};
  if (lead < 0xc2 || lead > 0xf4) return {0, 1};
  const std::size_t expected = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
  // The second byte's range rules out overlong forms, surrogates and code points past U+10FFFF.
  const std::uint8_t low = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
  const std::uint8_t high = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
  if (text.size() < 2 || byte_at(text, 1) < low || byte_at(text, 1) > high) return {1, expected};
  std::size_t matched = 2;
  while (matched < expected && matched < text.size() && (byte_at(text, matched) & 0xc0) == 0x80)
    ++matched;
  return {matched, expected};
}

void append_unicode_escape(std::uint32_t code, std::string& out) {
  constexpr std::string_view kHex = "0123456789abcdef";
  out += "\\u";
  for (int shift = 12; shift >= 0; shift -= 4)
    out += kHex[(code >> shift) & 0xf];
}

void append_ascii_escape(char c, std::string& out) {
  switch (c) {
    case '"':
      out += "\\\"";
      return;
    case '\\':
      out += "\\\\";
      return;
    case '\n':
      out += "\\n";
      return;
    case '\r':
      out += "\\r";
      return;
    case '\t':
      out += "\\t";
      return;
    default:
      append_unicode_escape(static_cast<std::uint8_t>(c), out);
  }
}

// C1 controls are C2 80..9F, the line and paragraph separators E2 80 A8 and E2 80 A9.
void append_multibyte(std::string_view sequence, std::string& out) {
  const std::uint8_t second = byte_at(sequence, 1);
  if (byte_at(sequence, 0) == 0xc2 && second < 0xa0) {
    append_unicode_escape(second, out);
  } else if (sequence == "\xe2\x80\xa8" || sequence == "\xe2\x80\xa9") {
    append_unicode_escape(0x2000u | (byte_at(sequence, 2) & 0x3fu), out);
  } else {
    out += sequence;
  }
}

}  // namespace

std::size_t utf8_sequence_length(std::string_view text) noexcept {
  if (text.empty()) return 0;
  const Sequence sequence = match_sequence(text);
  return sequence.matched == sequence.expected ? sequence.expected : 0;
}

std::size_t json_plain_size(std::string_view text) noexcept {
  return static_cast<std::size_t>(find_json_special(text.data(), text.data() + text.size()) - text.data());
}

void json_escape(std::string_view text, std::string& out) {
  while (!text.empty()) {
    const std::size_t plain = json_plain_size(text);
    out.append(text.substr(0, plain));
    text.remove_prefix(plain);
    if (text.empty()) return;
    const Sequence sequence = match_sequence(text);
    const std::size_t length = std::max<std::size_t>(sequence.matched, 1);
    if (sequence.matched != sequence.expected) {
      out += "\xef\xbf\xbd";
    } else if (length == 1) {
      append_ascii_escape(text[0], out);
    } else {
      append_multibyte(text.substr(0, length), out);
    }
    text.remove_prefix(length);
  }
}

}  // namespace sluice
