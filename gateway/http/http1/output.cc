#include "gateway/http/http1/output.h"

#include <algorithm>
#include <array>

namespace sluice::http1 {
namespace {

// Pieces of which a prefix was sent.
struct Remainder {
  std::array<std::string_view, Transport::kMaxPieces> pieces;
  std::size_t first = 0;
  std::size_t count = 0;

  Remainder(std::span<const std::string_view> all, std::size_t sent) noexcept
      : count(std::min(all.size(), pieces.size())) {
    std::copy_n(all.begin(), count, pieces.begin());
    skip(sent);
  }
  bool empty() const noexcept { return first == count; }
  std::span<const std::string_view> span() const noexcept { return {pieces.data() + first, count - first}; }
  void skip(std::size_t bytes) noexcept {
    while (first < count && bytes >= pieces[first].size())
      bytes -= pieces[first++].size();
    if (first < count) pieces[first].remove_prefix(bytes);
  }
};

Task<Sent> send_rest(Transport& transport, Remainder rest, Duration stall) {
  while (!rest.empty()) {
    const bool in_time = co_await transport.writable(transport.loop().now() + stall);
    if (!in_time) co_return Sent::kTimeout;
    const IoResult r = transport.try_write(rest.span());
    if (r.status == IoResult::Status::kBroken) co_return Sent::kBroken;
    rest.skip(r.bytes);
  }
  co_return Sent::kAll;
}

}  // namespace

Task<Sent> send_all(Transport& transport, std::span<const std::string_view> pieces, Duration stall) {
  std::size_t size = 0;
  for (const std::string_view piece : pieces)
    size += piece.size();
  if (size == 0) return Sent::kAll;
  const IoResult r = transport.try_write(pieces);
  if (r.status == IoResult::Status::kBroken) return Sent::kBroken;
  if (r.bytes == size) return Sent::kAll;
  return send_rest(transport, Remainder(pieces, r.bytes), stall);
}

}  // namespace sluice::http1
