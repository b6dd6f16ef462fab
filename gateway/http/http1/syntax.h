#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "gateway/base/byte_scan.h"

// Character classes of RFC 9110 5.6.2 and 5.5 as tables.
namespace sluice::http1 {

namespace detail {
inline constexpr std::array<bool, 256> make_token_table() {
  std::array<bool, 256> table{};
  for (int c = '0'; c <= '9'; ++c)
    table[static_cast<std::size_t>(c)] = true;
  for (int c = 'a'; c <= 'z'; ++c)
    table[static_cast<std::size_t>(c)] = true;
  for (int c = 'A'; c <= 'Z'; ++c)
    table[static_cast<std::size_t>(c)] = true;
  for (const char c : std::string_view("!#$%&'*+-.^_`|~"))
    table[static_cast<unsigned char>(c)] = true;
  return table;
}
inline constexpr std::array<bool, 256> kToken = make_token_table();
}  // namespace detail

// How many bytes at the beginning can be of a token.
constexpr std::size_t token_size(std::string_view text) noexcept {
  std::size_t size = 0;
  while (size < text.size() && detail::kToken[static_cast<unsigned char>(text[size])])
    ++size;
  return size;
}

constexpr bool is_token(std::string_view text) noexcept {
  return !text.empty() && token_size(text) == text.size();
}

constexpr std::size_t blank_size(std::string_view text) noexcept {
  std::size_t size = 0;
  while (size < text.size() && (text[size] == ' ' || text[size] == '\t'))
    ++size;
  return size;
}

// field-value: no controls but HTAB. Bytes above ASCII (obs-text) pass through.
inline bool is_field_value(std::string_view text) noexcept {
  const char* const end = text.data() + text.size();
  return find_control(text.data(), end) == end;
}

constexpr std::string_view trim(std::string_view text) noexcept {
  text.remove_prefix(blank_size(text));
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t'))
    text.remove_suffix(1);
  return text;
}

}  // namespace sluice::http1
