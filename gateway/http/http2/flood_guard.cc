#include "gateway/http/http2/flood_guard.h"

#include <algorithm>

namespace sluice::http2 {

bool Allowance::take(TimePoint now, std::uint32_t amount) noexcept {
  if (left_ < amount) {
    // Refilled only when it is needed: the usual case costs no division.
    const auto passed = std::chrono::duration_cast<std::chrono::milliseconds>(now - refilled_at_).count();
    const std::uint64_t refill = static_cast<std::uint64_t>(passed) * per_second_ / 1000;
    if (refill != 0) refilled_at_ = now;
    left_ = static_cast<std::uint32_t>(std::min<std::uint64_t>(capacity_, left_ + refill));
    if (left_ < amount) return false;
  }
  left_ -= amount;
  return true;
}

void Allowance::earn(std::uint32_t amount) noexcept {
  left_ = std::min(capacity_, left_ + amount);
}

}  // namespace sluice::http2
