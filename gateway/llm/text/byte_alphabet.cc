#include "gateway/llm/text/byte_alphabet.h"

#include <array>
#include <cstddef>

#include "gateway/llm/text/utf8.h"

namespace sluice::text {
namespace {

constexpr std::size_t kAlphabetEnd = 0x144;  // 256 + the 68 bytes that are not printable

constexpr bool stands_for_itself(unsigned byte) {
  return (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
}

constexpr std::array<short, kAlphabetEnd> make_table() {
  std::array<short, kAlphabetEnd> table{};
  table.fill(-1);
  std::size_t next = 0x100;
  for (unsigned byte = 0; byte < 256; ++byte) {
    table[stands_for_itself(byte) ? byte : next++] = static_cast<short>(byte);
  }
  return table;
}

constexpr std::array<short, kAlphabetEnd> kByteOf = make_table();

}  // namespace

std::optional<std::string> bytes_from_alphabet(std::string_view token) {
  std::string bytes;
  bytes.reserve(token.size());
  for (std::size_t position = 0; position < token.size();) {
    const char32_t code_point = next_code_point(token, position);
    if (code_point >= kAlphabetEnd || kByteOf[code_point] < 0) return std::nullopt;
    bytes += static_cast<char>(kByteOf[code_point]);
  }
  return bytes;
}

}  // namespace sluice::text
