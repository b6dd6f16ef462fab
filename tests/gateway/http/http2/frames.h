#pragma once

#include <nghttp2/nghttp2.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// Frames of the test's own making (RFC 9113 4.1), and heads without Huffman codes or a table (RFC
// 7541 6.2.2).
namespace sluice::http2::test {

inline std::string big_endian(std::uint32_t value, int bytes) {
  std::string out;
  while (bytes-- > 0)
    out.push_back(static_cast<char>(value >> (8 * bytes)));
  return out;
}

inline std::string frame(std::uint8_t type, std::uint8_t flags, std::uint32_t stream,
                         std::string_view payload = {}) {
  std::string out = big_endian(static_cast<std::uint32_t>(payload.size()), 3);
  out.push_back(static_cast<char>(type));
  out.push_back(static_cast<char>(flags));
  return (out += big_endian(stream, 4)).append(payload);
}

inline std::string ping() {
  return frame(NGHTTP2_PING, 0, 0, "8 bytes.");
}
inline std::string window_update(std::uint32_t stream, std::uint32_t bytes) {
  return frame(NGHTTP2_WINDOW_UPDATE, 0, stream, big_endian(bytes, 4));
}
inline std::string rst_stream(std::uint32_t stream, std::uint32_t code = NGHTTP2_CANCEL) {
  return frame(NGHTTP2_RST_STREAM, 0, stream, big_endian(code, 4));
}

inline std::string hpack_string(std::string_view text) {
  if (text.size() < 127) return std::string(1, static_cast<char>(text.size())).append(text);
  std::string out(1, '\x7f');
  std::size_t left = text.size() - 127;
  for (; left >= 128; left /= 128)
    out.push_back(static_cast<char>(0x80 | left % 128));
  out.push_back(static_cast<char>(left));
  return out.append(text);
}

inline std::string hpack_field(std::string_view name, std::string_view value) {
  return '\0' + hpack_string(name) + hpack_string(value);
}

// The block of a GET for "/" of "gateway.test", and these fields behind it.
inline std::string get_block(const std::vector<std::pair<std::string, std::string>>& more = {}) {
  std::string out = "\x82\x86\x84";
  out += '\x01' + hpack_string("gateway.test");
  for (const auto& [name, value] : more)
    out += hpack_field(name, value);
  return out;
}
// What the gateway charges for it without the fields (RFC 9113 6.5.2).
inline constexpr std::size_t kGetCharge = 32 + 7 + 3 + 32 + 7 + 4 + 32 + 5 + 1 + 32 + 10 + 12;

inline std::string headers(std::uint32_t stream, std::string_view block,
                           std::uint8_t flags = NGHTTP2_FLAG_END_STREAM | NGHTTP2_FLAG_END_HEADERS) {
  return frame(NGHTTP2_HEADERS, flags, stream, block);
}
inline std::string continuation(std::uint32_t stream, std::string_view block, bool last = false) {
  return frame(NGHTTP2_CONTINUATION, last ? NGHTTP2_FLAG_END_HEADERS : 0, stream, block);
}

}  // namespace sluice::http2::test
