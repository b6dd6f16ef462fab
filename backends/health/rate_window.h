#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "gateway/runtime/time_source.h"

namespace sluice {

// How many attempts of a sliding time had a fault. The time is cut into tenths: what is counted is at most a
// tenth older than asked for. Counts stop at a million for each tenth. Threads: any, without a lock; a count
// that races with the turn of a tenth may be lost, one that does not is exact.
class RateWindow {
 public:
  struct Counts {
    std::uint64_t attempts = 0;
    std::uint64_t faults = 0;
  };

  // `length` must be the same at each call, or what was counted before is forgotten.
  void add(bool fault, TimePoint now, Duration length) noexcept;
  Counts counts(TimePoint now, Duration length) const noexcept;
  void clear() noexcept;

 private:
  static constexpr std::size_t kParts = 10;
  // The part's number (24 bits), attempts (20 bits) and faults (20 bits) in one word, so that a part that has
  // become old is replaced in one step.
  std::array<std::atomic<std::uint64_t>, kParts> parts_{};
};

}  // namespace sluice
