#include "gateway/http/http2/closed_streams.h"

#include <algorithm>

namespace sluice::http2 {
namespace {

constexpr std::uint32_t kByUsBit = 1U << 31;

}  // namespace

void ClosedStreams::add(std::int32_t stream_id, How how) {
  if (ring_.empty()) ring_.resize(count_);
  ring_[next_] = static_cast<std::uint32_t>(stream_id) | (how == How::kByUs ? kByUsBit : 0);
  next_ = (next_ + 1) % count_;
}

ClosedStreams::How ClosedStreams::find(std::int32_t stream_id) const noexcept {
  const auto id = static_cast<std::uint32_t>(stream_id);
  const auto found = std::ranges::find_if(ring_, [id](std::uint32_t e) { return (e & ~kByUsBit) == id; });
  if (found == ring_.end()) return How::kUnknown;
  return (*found & kByUsBit) != 0 ? How::kByUs : How::kByClient;
}

}  // namespace sluice::http2
