#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "gateway/http/http1/chunked_decoder.h"

namespace {

using namespace sluice;

void expect(bool condition) {
  if (!condition) std::abort();
}

struct Decoded {
  bool refused = false;
  bool finished = false;
  std::string content;
  std::size_t consumed = 0;
  std::string trailers;
};

Decoded decode(std::string_view bytes, std::size_t piece_size) {
  http1::ChunkedDecoder decoder(ErrorKind::kMalformedRequest);
  Decoded out;
  while (!bytes.empty() && !out.finished) {
    std::string piece(bytes.substr(0, piece_size));
    bytes.remove_prefix(piece.size());
    const auto step = decoder.decode(piece.data(), piece.size());
    if (!step) {
      out.refused = true;
      return out;
    }
    expect(step->consumed <= piece.size());
    expect(step->content.size() <= step->consumed);
    expect(step->finished || step->consumed == piece.size());
    if (!step->content.empty()) {
      expect(step->content.data() >= piece.data());
      expect(step->content.data() + step->content.size() <= piece.data() + piece.size());
    }
    out.content += step->content;
    out.consumed += step->consumed;
    out.finished = step->finished;
  }
  decoder.trailers().append_to(out.trailers);
  return out;
}

}  // namespace

// The first byte is a piece size: bytes cut into such pieces decode to what they do in one.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 1) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  const Decoded whole = decode(bytes, bytes.size() + 1);
  for (const std::size_t piece : {std::size_t{1}, std::size_t{data[0]} + 1}) {
    const Decoded cut = decode(bytes, piece);
    expect(cut.refused == whole.refused);
    if (whole.refused) continue;
    expect(cut.finished == whole.finished && cut.consumed == whole.consumed);
    expect(cut.content == whole.content && cut.trailers == whole.trailers);
  }
  return 0;
}
