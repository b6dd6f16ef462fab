#include "backends/worker/engine/block_hash.h"

#include <openssl/evp.h>

#include <stdexcept>

namespace sluice::worker {
namespace {

// CBOR's major types (RFC 8949 3.1), in the upper three bits of an item's first byte.
enum Major : std::uint8_t { kUnsigned = 0 << 5, kBytes = 2 << 5, kText = 3 << 5, kArray = 4 << 5 };
constexpr std::uint8_t kNull = 0xF6;

// The head of an item in its shortest form.
void append_head(std::string& out, Major major, std::uint64_t value) {
  int bytes = 0;
  if (value < 24) {
    out += static_cast<char>(major | value);
    return;
  }
  if (value <= 0xFF) {
    out += static_cast<char>(major | 24);
    bytes = 1;
  } else if (value <= 0xFFFF) {
    out += static_cast<char>(major | 25);
    bytes = 2;
  } else if (value <= 0xFFFFFFFF) {
    out += static_cast<char>(major | 26);
    bytes = 4;
  } else {
    out += static_cast<char>(major | 27);
    bytes = 8;
  }
  for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8)
    out += static_cast<char>(value >> shift);
}

void append_text(std::string& out, std::string_view text) {
  append_head(out, kText, text.size());
  out += text;
}

BlockHash sha256(std::string_view bytes) {
  BlockHash hash;
  if (EVP_Digest(bytes.data(), bytes.size(), hash.data(), nullptr, EVP_sha256(), nullptr) != 1) {
    throw std::runtime_error("SHA-256 is not available");
  }
  return hash;
}

}  // namespace

BlockHash root_block_hash(std::string_view seed) {
  std::string item;
  append_text(item, seed);
  return sha256(item);
}

BlockHash block_hash(const BlockHash& parent, std::span<const std::int32_t> tokens, std::string_view salt) {
  std::string item;
  item.reserve(parent.size() + 5 * tokens.size() + salt.size() + 16);
  append_head(item, kArray, 3);
  append_head(item, kBytes, parent.size());
  item.append(parent.begin(), parent.end());
  append_head(item, kArray, tokens.size());
  for (const std::int32_t token : tokens)
    append_head(item, kUnsigned, static_cast<std::uint64_t>(token));
  if (salt.empty()) {
    item += static_cast<char>(kNull);
  } else {
    append_head(item, kArray, 1);
    append_text(item, salt);
  }
  return sha256(item);
}

}  // namespace sluice::worker
