#include "backends/health/circuit_breaker.h"

#include <algorithm>

namespace sluice {
namespace {

constexpr std::uint32_t kMostDoublings = 30;

Duration open_time(const BreakerPolicy& policy, std::uint32_t doublings, Random& random) {
  const double seconds = std::min(
      std::chrono::duration<double>(policy.open_for).count() * static_cast<double>(1ULL << doublings),
      std::chrono::duration<double>(policy.max_open).count());
  constexpr std::uint64_t kSteps = 1U << 20;
  const double more = policy.jitter * static_cast<double>(random.below(kSteps)) / kSteps;
  return std::chrono::duration_cast<Duration>(std::chrono::duration<double>(seconds * (1 + more)));
}

}  // namespace

bool CircuitBreaker::allows(TimePoint now, const BreakerPolicy& policy) const noexcept {
  switch (phase()) {
    case BreakerPhase::kClosed:
      return true;
    case BreakerPhase::kOpen:
      return now >= open_until();
    case BreakerPhase::kHalfOpen:
      return probing_.load(std::memory_order_relaxed) < policy.probes;
  }
  return false;
}

CircuitBreaker::Permit CircuitBreaker::enter(TimePoint now, const BreakerPolicy& policy) {
  if (phase() == BreakerPhase::kClosed) return {*this, 0, false};
  const std::lock_guard lock(mutex_);
  switch (phase()) {
    case BreakerPhase::kClosed:  // by now
      return {*this, 0, false};
    case BreakerPhase::kOpen:
      if (now < open_until()) return {};
      ++round_;
      good_probes_ = 0;
      probing_.store(0, std::memory_order_relaxed);
      phase_.store(BreakerPhase::kHalfOpen, std::memory_order_release);
      break;
    case BreakerPhase::kHalfOpen:
      break;
  }
  if (probing_.load(std::memory_order_relaxed) >= policy.probes) return {};
  probing_.fetch_add(1, std::memory_order_relaxed);
  return {*this, round_, true};
}

void CircuitBreaker::Permit::settle(Verdict verdict, TimePoint now, const BreakerPolicy& policy,
                                    Random& random) {
  CircuitBreaker* const breaker = std::exchange(breaker_, nullptr);
  if (breaker == nullptr) return;
  if (is_probe_) {
    breaker->judge_probe(verdict, round_, now, policy, random);
  } else {
    breaker->watch(verdict, now, policy, random);
  }
}

// Of an attempt that began while the breaker was closed.
void CircuitBreaker::watch(Verdict verdict, TimePoint now, const BreakerPolicy& policy, Random& random) {
  if (verdict == Verdict::kNothing || verdict == Verdict::kBackpressure) return;
  if (phase() != BreakerPhase::kClosed) return;
  const bool is_fault = verdict == Verdict::kFault;
  if (policy.fault_share > 0) window_.add(is_fault, now, policy.window);
  if (!is_fault) {
    if (consecutive_.load(std::memory_order_relaxed) != 0) consecutive_.store(0, std::memory_order_relaxed);
    return;
  }
  const std::uint32_t in_a_row = consecutive_.fetch_add(1, std::memory_order_relaxed) + 1;
  bool opens = policy.consecutive_faults > 0 && in_a_row >= policy.consecutive_faults;
  if (!opens && policy.fault_share > 0) {
    const RateWindow::Counts counts = window_.counts(now, policy.window);
    opens = counts.attempts >= policy.least_attempts &&
            static_cast<double>(counts.faults) >= policy.fault_share * static_cast<double>(counts.attempts);
  }
  if (!opens) return;
  const std::lock_guard lock(mutex_);
  if (phase() != BreakerPhase::kClosed) return;
  // One that was well for as long as it may be open begins anew.
  if (now - closed_at_ >= policy.max_open) doublings_ = 0;
  open(now, policy, random);
}

void CircuitBreaker::judge_probe(Verdict verdict, std::uint64_t round, TimePoint now,
                                 const BreakerPolicy& policy, Random& random) {
  const std::lock_guard lock(mutex_);
  if (phase() != BreakerPhase::kHalfOpen || round != round_) return;
  probing_.fetch_sub(1, std::memory_order_relaxed);
  if (verdict == Verdict::kFault) return open(now, policy, random);
  if (verdict == Verdict::kGood && ++good_probes_ >= policy.closes_after) close(now);
}

void CircuitBreaker::give_back(std::uint64_t round) noexcept {
  const std::lock_guard lock(mutex_);
  if (phase() == BreakerPhase::kHalfOpen && round == round_) probing_.fetch_sub(1, std::memory_order_relaxed);
}

void CircuitBreaker::open(TimePoint now, const BreakerPolicy& policy, Random& random) {
  const Duration length = open_time(policy, doublings_, random);
  doublings_ = std::min(doublings_ + 1, kMostDoublings);
  open_until_.store((now + length).time_since_epoch().count(), std::memory_order_relaxed);
  openings_.fetch_add(1, std::memory_order_relaxed);
  phase_.store(BreakerPhase::kOpen, std::memory_order_release);
}

void CircuitBreaker::close(TimePoint now) {
  consecutive_.store(0, std::memory_order_relaxed);
  window_.clear();
  closed_at_ = now;
  phase_.store(BreakerPhase::kClosed, std::memory_order_release);
}

}  // namespace sluice
