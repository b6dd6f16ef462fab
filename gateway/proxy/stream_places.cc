#include "gateway/proxy/stream_places.h"

#include <algorithm>
#include <utility>

namespace sluice {

std::int64_t StreamPlaces::batch() const noexcept {
  return std::clamp<std::int64_t>(limit_.max.load(std::memory_order_relaxed) / 1024, 1, kMostSpare / 2);
}

bool StreamPlaces::over_limit() const noexcept {
  return limit_.taken.load(std::memory_order_relaxed) > limit_.max.load(std::memory_order_relaxed);
}

void StreamPlaces::trim() noexcept {
  give_back(std::exchange(spare_, 0));
}

void StreamPlaces::give_back(std::int64_t places) noexcept {
  if (places != 0) limit_.taken.fetch_sub(places, std::memory_order_relaxed);
}

bool StreamPlaces::take() noexcept {
  add_open(1);
  // Places in hand are no use above the limit: it was lowered, or they are of exchanges that were refused.
  if (over_limit()) trim();
  if (spare_ > 0) {
    --spare_;
    return true;
  }
  const std::int64_t max = limit_.max.load(std::memory_order_relaxed);
  const std::int64_t wanted = batch();
  const std::int64_t taken = limit_.taken.fetch_add(wanted, std::memory_order_relaxed);
  const std::int64_t extra = std::clamp<std::int64_t>(max - taken - 1, 0, wanted - 1);
  give_back(wanted - 1 - extra);
  spare_ = extra;
  return taken < max;
}

void StreamPlaces::give() noexcept {
  add_open(-1);
  const std::int64_t wanted = batch();
  const std::int64_t most = wanted == 1 ? 0 : 2 * wanted;
  if (++spare_ <= most) return;
  // Half of them stay, for the exchanges to come.
  const std::int64_t kept = most / 2;
  give_back(spare_ - kept);
  spare_ = kept;
}

}  // namespace sluice
