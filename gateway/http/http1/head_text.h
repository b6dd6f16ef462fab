#pragma once

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

// Writes a head into memory whose size was counted beforehand; each returns where it stopped.
namespace sluice::http1 {

template <std::size_t N>
char* put(char* at, const char (&literal)[N]) noexcept {
  std::memcpy(at, literal, N - 1);
  return at + N - 1;
}

inline char* put(char* at, std::string_view text) noexcept {
  return at + text.copy(at, text.size());
}

inline constexpr std::size_t kMaxNumberSize = 20;

inline char* put_number(char* at, std::uint64_t value) noexcept {
  return std::to_chars(at, at + kMaxNumberSize, value).ptr;
}

}  // namespace sluice::http1
