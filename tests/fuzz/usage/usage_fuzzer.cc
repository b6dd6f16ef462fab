#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>
#include <vector>

#include "gateway/llm/usage.h"

using sluice::llm::BodyUsage;

namespace {

BodyUsage read(std::string_view body, std::size_t piece) {
  BodyUsage usage;
  for (std::size_t at = 0; at < body.size(); at += piece) {
    const std::string_view part = body.substr(at, piece);
    const std::vector<char> chunk(part.begin(), part.end());
    usage.feed({chunk.data(), chunk.size()});
  }
  return usage;
}

}  // namespace

// The first byte chooses the size of the pieces: cut or whole, the answers must be the same.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 1) return 0;
  const std::string_view body(reinterpret_cast<const char*>(data) + 1, size - 1);
  const BodyUsage whole = read(body, body.size() + 1);
  const BodyUsage cut = read(body, data[0] % 32 + 1);
  if (whole.usage() != cut.usage() || whole.error_seen() != cut.error_seen() ||
      whole.error_code() != cut.error_code()) {
    std::abort();
  }
  return 0;
}
