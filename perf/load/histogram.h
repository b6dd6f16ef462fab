#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace sluice::load {

// Counts of durations in buckets whose width grows with the value: up to 127 ns exact, beyond that to 0.8%.
// Any number of values take 60 KiB.
class Histogram {
 public:
  Histogram();

  void add(std::int64_t value) noexcept;  // below zero counts as zero
  void clear() noexcept;

  std::uint64_t count() const noexcept { return count_; }
  std::int64_t max() const noexcept { return max_; }
  // The value that the share of all is not above: the middle of its bucket, at most max(). 0 where there is
  // none.
  std::int64_t quantile(double share) const noexcept;

  // {"n":..,"p50_us":..,"p90_us":..,"p99_us":..,"max_us":..} of values in nanoseconds.
  std::string json() const;

 private:
  std::vector<std::uint64_t> buckets_;
  std::uint64_t count_ = 0;
  std::int64_t max_ = 0;
};

}  // namespace sluice::load
