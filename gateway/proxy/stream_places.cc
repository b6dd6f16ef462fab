#include "gateway/proxy/stream_places.h"

#include <algorithm>

namespace sluice {

std::int64_t StreamPlaces::batch() const noexcept {
  return std::clamp<std::int64_t>(limit_.max.load(std::memory_order_relaxed) / 1024, 1, kMostSpare / 2);
}

void StreamPlaces::give_back(std::int64_t places) noexcept {
  if (places != 0) limit_.taken.fetch_sub(places, std::memory_order_relaxed);
}

bool StreamPlaces::take() noexcept {
  add_open(1);
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
