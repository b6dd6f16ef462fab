#include "backends/health/circuit_breaker.h"

#include <algorithm>

namespace sluice {
namespace {

constexpr std::uint32_t kMostDoublings = 30;
// A day: far above what makes sense, and far from where adding to a point in time overflows.
constexpr double kMostSeconds = 86'400;

Duration open_time(const BreakerPolicy& policy, std::uint32_t doublings, Random& random) {
  const double seconds = std::min(
      {std::chrono::duration<double>(policy.open_for).count() * static_cast<double>(1ULL << doublings),
       std::chrono::duration<double>(policy.max_open).count(), kMostSeconds});
  constexpr std::uint64_t kSteps = 1U << 20;
  const double more =
      std::clamp(policy.jitter, 0.0, 1.0) * static_cast<double>(random.below(kSteps)) / kSteps;
  return std::chrono::duration_cast<Duration>(std::chrono::duration<double>(seconds * (1 + more)));
}

std::uint32_t probes(const BreakerPolicy& policy) noexcept {
  return std::max(policy.probes, 1U);
}

}  // namespace

bool CircuitBreaker::allows(TimePoint now, const BreakerPolicy& policy) const noexcept {
  switch (phase()) {
    case BreakerPhase::kClosed:
      return true;
    case BreakerPhase::kOpen:
      return now >= open_until();
    case BreakerPhase::kHalfOpen:
      return probing_.load(std::memory_order_relaxed) < probes(policy) || now >= time_of(probe_until_);
  }
  return false;
}

CircuitBreaker::Permit CircuitBreaker::enter(TimePoint now, const BreakerPolicy& policy, Random& random) {
  const std::uint64_t before = word_.load(std::memory_order_acquire);
  if (phase_of(before) == BreakerPhase::kClosed) return {*this, before, false};
  const std::lock_guard lock(mutex_);
  std::uint64_t word = word_.load(std::memory_order_relaxed);
  if (phase_of(word) == BreakerPhase::kClosed) return {*this, word, false};  // by now
  if (phase_of(word) == BreakerPhase::kOpen) {
    if (now < open_until()) return {};
    good_ = answers_ = 0;
    probing_.store(0, std::memory_order_relaxed);
    probe_until_.store((now + policy.probe_for).time_since_epoch().count(), std::memory_order_relaxed);
    word = change_to(BreakerPhase::kHalfOpen);
  }
  if (probing_.load(std::memory_order_relaxed) >= probes(policy)) {
    if (now >= time_of(probe_until_)) open(now, policy, random);
    return {};
  }
  if (outstanding_ >= kRoundsAtOnce * probes(policy)) return {};
  ++outstanding_;
  probing_.fetch_add(1, std::memory_order_relaxed);
  return {*this, word, true};
}

void CircuitBreaker::Permit::answered(Verdict verdict, TimePoint now, const BreakerPolicy& policy,
                                      Random& random) {
  if (breaker_ == nullptr) return;
  if (std::exchange(probing_, false)) {
    word_ = breaker_->judge_probe(verdict, word_, now, policy, random);
  } else {
    breaker_->watch(verdict, word_, now, policy, random);
  }
}

void CircuitBreaker::Permit::failed(TimePoint now, const BreakerPolicy& policy, Random& random) {
  answered(Verdict::kFault, now, policy, random);
}

// Of an attempt that began while the breaker was closed.
void CircuitBreaker::watch(Verdict verdict, std::uint64_t word, TimePoint now, const BreakerPolicy& policy,
                           Random& random) {
  if (word_.load(std::memory_order_acquire) != word || phase_of(word) != BreakerPhase::kClosed) return;
  if (verdict != Verdict::kFault) {
    if (consecutive_.load(std::memory_order_relaxed) != 0) consecutive_.store(0, std::memory_order_relaxed);
    return;
  }
  const std::uint32_t in_a_row = consecutive_.fetch_add(1, std::memory_order_relaxed) + 1;
  if (policy.consecutive_faults == 0 || in_a_row < policy.consecutive_faults) return;
  const std::lock_guard lock(mutex_);
  if (word_.load(std::memory_order_relaxed) == word) open(now, policy, random);
}

void CircuitBreaker::trip(TimePoint now, const BreakerPolicy& policy, Random& random) {
  const std::lock_guard lock(mutex_);
  if (phase() == BreakerPhase::kClosed) open(now, policy, random);
}

// The word under which the attempt counts from now on: a probe that closed the breaker is one of the first
// attempts after that.
std::uint64_t CircuitBreaker::judge_probe(Verdict verdict, std::uint64_t word, TimePoint now,
                                          const BreakerPolicy& policy, Random& random) {
  const std::lock_guard lock(mutex_);
  end_probe(word);
  if (word_.load(std::memory_order_relaxed) != word) return word;
  switch (verdict) {
    case Verdict::kFault:
      open(now, policy, random);
      return word;
    case Verdict::kBackpressure:
      // It lives, and a rest is what it asks for: as long as the first, whatever came before.
      doublings_ = 0;
      open(now, policy, random);
      return word;
    case Verdict::kGood:
      ++good_;
      break;
    case Verdict::kAnswered:
      ++answers_;
      break;
  }
  if (good_ < policy.closes_after && answers_ < policy.closes_after_answers) return word;
  consecutive_.store(0, std::memory_order_relaxed);
  closed_at_.store(now.time_since_epoch().count(), std::memory_order_relaxed);
  return change_to(BreakerPhase::kClosed);
}

void CircuitBreaker::give_back(std::uint64_t word) noexcept {
  const std::lock_guard lock(mutex_);
  end_probe(word);
}

void CircuitBreaker::end_probe(std::uint64_t word) noexcept {
  --outstanding_;
  if (word_.load(std::memory_order_relaxed) == word) probing_.fetch_sub(1, std::memory_order_relaxed);
}

void CircuitBreaker::open(TimePoint now, const BreakerPolicy& policy, Random& random) {
  // One that was well for as long as it may be open begins anew.
  if (phase() == BreakerPhase::kClosed && now - closed_at() >= policy.max_open) doublings_ = 0;
  const Duration length = open_time(policy, doublings_, random);
  doublings_ = std::min(doublings_ + 1, kMostDoublings);
  open_until_.store((now + length).time_since_epoch().count(), std::memory_order_relaxed);
  openings_.fetch_add(1, std::memory_order_relaxed);
  change_to(BreakerPhase::kOpen);
}

std::uint64_t CircuitBreaker::change_to(BreakerPhase phase) noexcept {
  const std::uint64_t word =
      ((word_.load(std::memory_order_relaxed) >> 2) + 1) << 2 | static_cast<std::uint64_t>(phase);
  word_.store(word, std::memory_order_release);
  return word;
}

}  // namespace sluice
