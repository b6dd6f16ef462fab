#include "perf/load/histogram.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>

namespace sluice::load {
namespace {

// Below 2^7 a bucket for each value, above it 64 for every power of two.
constexpr int kExactBits = 7;
constexpr std::uint64_t kHalf = std::uint64_t{1} << (kExactBits - 1);

std::size_t bucket_of(std::uint64_t value) {
  const int shift = std::max(0, static_cast<int>(std::bit_width(value)) - kExactBits);
  return static_cast<std::size_t>(shift) * kHalf + (value >> shift);
}

std::int64_t middle_of(std::size_t bucket) {
  const std::uint64_t shift = bucket < 2 * kHalf ? 0 : bucket / kHalf - 1;
  const std::uint64_t low = (bucket - shift * kHalf) << shift;
  return static_cast<std::int64_t>(low + ((std::uint64_t{1} << shift) - 1) / 2);
}

constexpr std::size_t kBuckets = (64 - kExactBits + 2) * kHalf;

}  // namespace

Histogram::Histogram() : buckets_(kBuckets) {}

void Histogram::add(std::int64_t value) noexcept {
  value = std::max<std::int64_t>(0, value);
  ++buckets_[bucket_of(static_cast<std::uint64_t>(value))];
  ++count_;
  max_ = std::max(max_, value);
}

void Histogram::clear() noexcept {
  std::ranges::fill(buckets_, 0);
  count_ = 0;
  max_ = 0;
}

std::int64_t Histogram::quantile(double share) const noexcept {
  const auto rank =
      std::max<std::uint64_t>(1, static_cast<std::uint64_t>(std::ceil(share * static_cast<double>(count_))));
  std::uint64_t seen = 0;
  for (std::size_t i = 0; i < buckets_.size(); ++i) {
    seen += buckets_[i];
    if (seen >= rank) return std::min(max_, middle_of(i));
  }
  return max_;
}

std::string Histogram::json() const {
  const auto us = [](std::int64_t nanos) { return static_cast<double>(nanos) / 1000; };
  return fmt::format(R"({{"n":{},"p50_us":{:.1f},"p90_us":{:.1f},"p99_us":{:.1f},"max_us":{:.1f}}})", count_,
                     us(quantile(0.5)), us(quantile(0.9)), us(quantile(0.99)), us(max_));
}

}  // namespace sluice::load
