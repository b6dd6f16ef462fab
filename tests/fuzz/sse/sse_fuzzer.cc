#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "gateway/llm/sse.h"
#include "gateway/llm/usage.h"

using sluice::llm::SseEvent;
using sluice::llm::SseScanner;

namespace {

void note(const SseEvent& event, std::string& log) {
  log.append(event.event).append("|").append(event.data).append("|").append(event.id);
  log += std::to_string(event.begin) + ',' + std::to_string(event.end);
  log += event.oversize ? 'o' : event.has_data ? 'd' : event.has_field ? 'f' : 'c';
}

std::string scan(std::string_view stream, std::size_t limit, std::size_t piece) {
  SseScanner scanner(limit);
  std::string log;
  for (std::size_t at = 0; at < stream.size(); at += piece) {
    // A heap copy of exactly the piece, so that reads past it are seen.
    const std::vector<char> chunk(
        stream.begin() + static_cast<std::ptrdiff_t>(at),
        stream.begin() + static_cast<std::ptrdiff_t>(std::min(at + piece, stream.size())));
    scanner.feed({chunk.data(), chunk.size()}, [&](const SseEvent& event) { note(event, log); });
  }
  return log;
}

}  // namespace

// The first two bytes choose the limit and the size of the pieces: cut or whole, the events must be the same.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const std::string_view stream(reinterpret_cast<const char*>(data) + 2, size - 2);
  const std::size_t limit = data[0] < 128 ? 65536 : data[0] - 127u;
  if (scan(stream, limit, stream.size() + 1) != scan(stream, limit, data[1] % 32 + 1)) std::abort();
  sluice::llm::StreamUsage usage(limit);
  usage.feed(stream);
  return 0;
}
