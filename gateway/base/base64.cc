#include "gateway/base/base64.h"

#include <openssl/evp.h>

#include <algorithm>
#include <cstddef>

namespace sluice {

std::string base64(std::string_view bytes) {
  constexpr std::size_t kPiece = std::size_t{3} << 20;  // OpenSSL counts with int; no padding inside
  std::string out;
  while (!bytes.empty()) {
    const std::string_view piece = bytes.substr(0, std::min(kPiece, bytes.size()));
    const std::size_t begin = out.size();
    out.resize(begin + (piece.size() + 2) / 3 * 4 + 1);  // OpenSSL ends it with a zero
    EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data() + begin),
                    reinterpret_cast<const unsigned char*>(piece.data()), static_cast<int>(piece.size()));
    out.pop_back();
    bytes.remove_prefix(piece.size());
  }
  return out;
}

}  // namespace sluice
