#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <utility>

#include "backends/health/rate_window.h"
#include "gateway/runtime/random.h"
#include "gateway/runtime/time_source.h"

namespace sluice {

// What an attempt says of the endpoint that served it.
enum class Verdict : std::uint8_t {
  kGood,   // an answer
  kFault,  // no connection, a reset, a time that ran out, 5xx, a malformed answer, a stream that was cut
  kBackpressure,  // 429 and 503: it lives, and has too much to do
  kNothing,       // other 4xx, a client that left: nothing
};

// When a breaker opens and how it closes again; of a cluster's configuration. Times above zero.
struct BreakerPolicy {
  std::uint32_t consecutive_faults = 5;  // faults in a row that open it; 0: they do not
  // The share of faults among the attempts of `window` that opens it, once there are `least_attempts`; 0:
  // none does.
  double fault_share = 0;
  std::uint32_t least_attempts = 20;
  Duration window = std::chrono::seconds(10);
  // How long it stays open the first time. Each time that a probe fails doubles it, up to max_open.
  Duration open_for = std::chrono::seconds(1);
  Duration max_open = std::chrono::seconds(30);
  double jitter = 0.2;  // of that time, at most this share more: the shards of a fleet do not probe in step
  std::uint32_t probes = 1;        // attempts at a time while half-open
  std::uint32_t closes_after = 1;  // good probes
};

enum class BreakerPhase : std::uint8_t { kClosed, kOpen, kHalfOpen };

// A circuit breaker (Nygard, Release It!, 2007) for the whole process: closed it lets everything pass and
// watches, open nothing, and half-open a few probes whose verdicts close or open it. It outlives
// configurations: the policy is given with each call.
//
// Threads: any. While it is closed and attempts are good nothing is written; a change of phase takes a mutex.
class CircuitBreaker {
 public:
  // The right to one attempt. Destroyed without a verdict, because a client left, it says nothing, and a
  // probe's place is free again. The breaker outlives it. Threads: one at a time.
  class Permit {
   public:
    Permit() noexcept = default;  // for nothing
    Permit(Permit&& other) noexcept
        : breaker_(std::exchange(other.breaker_, nullptr)),
          round_(other.round_),
          is_probe_(other.is_probe_) {}
    Permit& operator=(Permit&& other) noexcept {
      std::swap(breaker_, other.breaker_);
      std::swap(round_, other.round_);
      std::swap(is_probe_, other.is_probe_);
      return *this;
    }
    ~Permit() {
      if (breaker_ != nullptr && is_probe_) breaker_->give_back(round_);
    }

    explicit operator bool() const noexcept { return breaker_ != nullptr; }
    bool is_probe() const noexcept { return is_probe_; }

    // Says how the attempt went and ends the permit. To be called at most once.
    void settle(Verdict verdict, TimePoint now, const BreakerPolicy& policy, Random& random);

   private:
    friend class CircuitBreaker;
    Permit(CircuitBreaker& breaker, std::uint64_t round, bool is_probe) noexcept
        : breaker_(&breaker), round_(round), is_probe_(is_probe) {}

    CircuitBreaker* breaker_ = nullptr;
    std::uint64_t round_ = 0;
    bool is_probe_ = false;
  };

  // Whether enter() would give a permit, as far as can be known. Reads only.
  bool allows(TimePoint now, const BreakerPolicy& policy) const noexcept;

  // A permit, or an empty one. An open breaker whose time is up becomes half-open.
  Permit enter(TimePoint now, const BreakerPolicy& policy);

  BreakerPhase phase() const noexcept { return phase_.load(std::memory_order_acquire); }
  // When an open breaker will take a probe; meaningless in other phases.
  TimePoint open_until() const noexcept {
    return TimePoint(Duration(open_until_.load(std::memory_order_relaxed)));
  }
  // How often it has opened since the process began.
  std::uint64_t openings() const noexcept { return openings_.load(std::memory_order_relaxed); }

 private:
  void watch(Verdict verdict, TimePoint now, const BreakerPolicy& policy, Random& random);
  void judge_probe(Verdict verdict, std::uint64_t round, TimePoint now, const BreakerPolicy& policy,
                   Random& random);
  void give_back(std::uint64_t round) noexcept;
  void open(TimePoint now, const BreakerPolicy& policy, Random& random);
  void close(TimePoint now);

  std::atomic<BreakerPhase> phase_{BreakerPhase::kClosed};
  std::atomic<std::uint32_t> consecutive_{0};
  std::atomic<std::int64_t> open_until_{0};
  std::atomic<std::uint32_t> probing_{0};
  std::atomic<std::uint64_t> openings_{0};
  RateWindow window_;

  std::mutex mutex_;         // guards changes of phase and what follows
  std::uint64_t round_ = 0;  // of half-open phases: a probe of an earlier one says nothing
  std::uint32_t good_probes_ = 0;
  std::uint32_t doublings_ = 0;  // of the time that it stays open
  TimePoint closed_at_{};
};

}  // namespace sluice
