#include "backends/health/rate_window.h"

#include <algorithm>

namespace sluice {
namespace {

constexpr std::uint64_t kCountBits = 20;
constexpr std::uint64_t kMostCount = (std::uint64_t{1} << kCountBits) - 1;
constexpr std::uint64_t kNumberMask = (std::uint64_t{1} << 24) - 1;

// Of the tenth of `length` that `now` is in, counted from one: zero stands for a part never written to.
std::uint64_t number_of(TimePoint now, Duration length, std::int64_t parts) noexcept {
  const std::int64_t part = std::max<std::int64_t>(length.count() / parts, 1);
  return static_cast<std::uint64_t>(now.time_since_epoch().count() / part) + 1;
}

constexpr std::uint64_t pack(std::uint64_t number, std::uint64_t attempts, std::uint64_t faults) noexcept {
  return (number & kNumberMask) << (2 * kCountBits) | attempts << kCountBits | faults;
}
constexpr std::uint64_t number_in(std::uint64_t word) noexcept {
  return word >> (2 * kCountBits);
}
constexpr std::uint64_t attempts_in(std::uint64_t word) noexcept {
  return word >> kCountBits & kMostCount;
}
constexpr std::uint64_t faults_in(std::uint64_t word) noexcept {
  return word & kMostCount;
}

}  // namespace

void RateWindow::add(bool fault, TimePoint now, Duration length) noexcept {
  const std::uint64_t number = number_of(now, length, kParts);
  std::atomic<std::uint64_t>& part = parts_[number % kParts];
  std::uint64_t before = part.load(std::memory_order_relaxed);
  for (;;) {
    const bool is_old = number_in(before) != (number & kNumberMask);
    const std::uint64_t attempts = is_old ? 0 : attempts_in(before);
    const std::uint64_t faults = is_old ? 0 : faults_in(before);
    if (attempts == kMostCount) return;
    if (part.compare_exchange_weak(before, pack(number, attempts + 1, faults + (fault ? 1 : 0)),
                                   std::memory_order_relaxed))
      return;
  }
}

RateWindow::Counts RateWindow::counts(TimePoint now, Duration length) const noexcept {
  const std::uint64_t number = number_of(now, length, kParts);
  Counts sum;
  for (std::uint64_t age = 0; age < kParts && age < number; ++age) {
    const std::uint64_t word = parts_[(number - age) % kParts].load(std::memory_order_relaxed);
    if (word == 0 || number_in(word) != ((number - age) & kNumberMask)) continue;
    sum.attempts += attempts_in(word);
    sum.faults += faults_in(word);
  }
  return sum;
}

void RateWindow::clear() noexcept {
  for (std::atomic<std::uint64_t>& part : parts_)
    part.store(0, std::memory_order_relaxed);
}

}  // namespace sluice
