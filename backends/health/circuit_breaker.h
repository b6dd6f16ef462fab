#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <utility>

#include "gateway/runtime/random.h"
#include "gateway/runtime/time_source.h"

namespace sluice {

// What an attempt says of the endpoint that served it. A client that left says nothing: there is no verdict.
enum class Verdict : std::uint8_t {
  kGood,          // content of an answer
  kAnswered,      // a 4xx: something accepts and answers, which a frozen engine's server does too
  kBackpressure,  // 429 and 503: it lives, and has too much to do
  kFault,  // no connection, a reset, a time that ran out, 5xx, a malformed answer, a stream that was cut
};

// When a breaker opens and how it closes again; of a cluster's configuration, which checks it.
struct BreakerPolicy {
  std::uint32_t consecutive_faults = 5;  // faults in a row that open it; 0: they do not
  // How long it stays open the first time, above zero. Each time that a probe fails doubles it, up to
  // max_open.
  Duration open_for = std::chrono::seconds(1);
  Duration max_open = std::chrono::seconds(30);
  double jitter =
      0.2;  // of that time, 0 to 1: at most this share more, so that a fleet does not probe in step
  std::uint32_t probes = 1;                // attempts at a time while half-open; at least 1
  std::uint32_t closes_after = 1;          // probes with content
  std::uint32_t closes_after_answers = 5;  // 4xx in a row without a fault, where no client asks for more
  // Probes that say nothing for so long are as good as failed: an endpoint that is frozen is not waited for.
  Duration probe_for = std::chrono::seconds(10);
};

enum class BreakerPhase : std::uint8_t { kClosed, kOpen, kHalfOpen };

// A circuit breaker (Nygard, Release It!, 2007) for the whole process: closed it lets everything pass and
// watches, open nothing, and half-open a few probes whose verdicts close or open it. It outlives
// configurations: the policy is given with each call.
//
// Only attempts that began in the present phase count: what ends with a fault minutes after the endpoint has
// recovered says nothing of it.
//
// Threads: any. While it is closed and attempts are good nothing is written; a change of phase takes a mutex.
class CircuitBreaker {
 public:
  // The right to one attempt. The breaker outlives it. Threads: one at a time.
  //
  // answered() comes with the first that is known of the attempt: the head of an answer, the first content of
  // a stream, or its failure. It decides a probe, whose place is free then: an answer may go on for minutes.
  // failed() may follow. Destroyed without either, because a client left, it says nothing.
  class [[nodiscard]] Permit {
   public:
    Permit() noexcept = default;  // for nothing
    Permit(Permit&& other) noexcept
        : breaker_(std::exchange(other.breaker_, nullptr)),
          word_(other.word_),
          probing_(std::exchange(other.probing_, false)) {}
    Permit& operator=(Permit&& other) noexcept {
      Permit taken(std::move(other));
      std::swap(breaker_, taken.breaker_);
      std::swap(word_, taken.word_);
      std::swap(probing_, taken.probing_);
      return *this;
    }
    ~Permit() {
      if (probing_) breaker_->give_back(word_);
    }

    explicit operator bool() const noexcept { return breaker_ != nullptr; }
    // Whether its verdict is still awaited by a half-open breaker.
    bool is_probe() const noexcept { return probing_; }

    void answered(Verdict verdict, TimePoint now, const BreakerPolicy& policy, Random& random);
    void failed(TimePoint now, const BreakerPolicy& policy, Random& random);

   private:
    friend class CircuitBreaker;
    Permit(CircuitBreaker& breaker, std::uint64_t word, bool probing) noexcept
        : breaker_(&breaker), word_(word), probing_(probing) {}

    CircuitBreaker* breaker_ = nullptr;
    std::uint64_t word_ = 0;  // the breaker's when what it knows began to count
    bool probing_ = false;
  };

  // Whether enter() is worth a try. Reads only.
  bool allows(TimePoint now, const BreakerPolicy& policy) const noexcept;

  // A permit, or an empty one. An open breaker whose time is up becomes half-open, a half-open one whose
  // probes are silent opens.
  Permit enter(TimePoint now, const BreakerPolicy& policy, Random& random);

  // Opens it if it is closed, for a reason that others have seen, such as the share of faults.
  void trip(TimePoint now, const BreakerPolicy& policy, Random& random);

  BreakerPhase phase() const noexcept { return phase_of(word_.load(std::memory_order_acquire)); }
  // When an open breaker will take a probe; meaningless in other phases.
  TimePoint open_until() const noexcept { return time_of(open_until_); }
  // When it last closed, for a slow start; the beginning of time if it never opened.
  TimePoint closed_at() const noexcept { return time_of(closed_at_); }
  // How often it has opened since the process began.
  std::uint64_t openings() const noexcept { return openings_.load(std::memory_order_relaxed); }

 private:
  // Probes of earlier rounds may still hang: so many rounds' worth may be under way together.
  static constexpr std::uint32_t kRoundsAtOnce = 4;

  static BreakerPhase phase_of(std::uint64_t word) noexcept { return static_cast<BreakerPhase>(word & 3); }
  static TimePoint time_of(const std::atomic<std::int64_t>& time) noexcept {
    return TimePoint(Duration(time.load(std::memory_order_relaxed)));
  }
  void watch(Verdict verdict, std::uint64_t word, TimePoint now, const BreakerPolicy& policy, Random& random);
  std::uint64_t judge_probe(Verdict verdict, std::uint64_t word, TimePoint now, const BreakerPolicy& policy,
                            Random& random);
  void give_back(std::uint64_t word) noexcept;
  void end_probe(std::uint64_t word) noexcept;
  void open(TimePoint now, const BreakerPolicy& policy, Random& random);
  std::uint64_t change_to(BreakerPhase phase) noexcept;

  std::atomic<std::uint64_t> word_{0};  // the phase in two bits, above it how often it has changed
  std::atomic<std::int64_t> open_until_{0};
  std::atomic<std::int64_t> closed_at_{0};
  std::atomic<std::int64_t> probe_until_{0};  // of a half-open one
  std::atomic<std::uint32_t> probing_{0};     // of this round
  std::atomic<std::uint32_t> consecutive_{0};
  std::atomic<std::uint64_t> openings_{0};

  std::mutex mutex_;               // guards changes of phase and what follows
  std::uint32_t outstanding_ = 0;  // probes of all rounds
  std::uint32_t good_ = 0;         // probes of this round, by verdict
  std::uint32_t answers_ = 0;
  std::uint32_t doublings_ = 0;  // of the time that it stays open
};

}  // namespace sluice
