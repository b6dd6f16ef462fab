#include "backends/health/circuit_breaker.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <thread>
#include <vector>

namespace sluice {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class CircuitBreakerTest : public ::testing::Test {
 protected:
  CircuitBreakerTest() { policy_.jitter = 0; }

  CircuitBreaker::Permit enter() { return breaker_.enter(now_, policy_, random_); }
  void say(CircuitBreaker::Permit& permit, Verdict verdict) {
    permit.answered(verdict, now_, policy_, random_);
  }
  void fail(CircuitBreaker::Permit& permit) { permit.failed(now_, policy_, random_); }
  // One attempt; false if the breaker did not let it.
  bool attempt(Verdict verdict) {
    CircuitBreaker::Permit permit = enter();
    if (permit) say(permit, verdict);
    return static_cast<bool>(permit);
  }
  void attempts(int count, Verdict verdict) {
    for (int i = 0; i < count; ++i)
      attempt(verdict);
  }
  void open() {
    attempts(static_cast<int>(policy_.consecutive_faults), Verdict::kFault);
    ASSERT_EQ(breaker_.phase(), BreakerPhase::kOpen);
  }
  void open_and_wait() {
    open();
    now_ = breaker_.open_until();
  }

  CircuitBreaker breaker_;
  BreakerPolicy policy_;
  Random random_{1};
  TimePoint now_ = TimePoint(seconds(1000));
};

TEST_F(CircuitBreakerTest, FaultsInARowOpenIt) {
  attempts(4, Verdict::kFault);
  EXPECT_EQ(breaker_.phase(), BreakerPhase::kClosed);
  attempt(Verdict::kGood);
  attempts(4, Verdict::kFault);
  EXPECT_EQ(breaker_.phase(), BreakerPhase::kClosed);
  attempt(Verdict::kFault);
  EXPECT_EQ(breaker_.phase(), BreakerPhase::kOpen);
  EXPECT_EQ(breaker_.openings(), 1u);
  EXPECT_FALSE(breaker_.allows(now_, policy_));
  EXPECT_FALSE(enter());
}

TEST_F(CircuitBreakerTest, WhatClientsDoWrongAndWhatIsTooMuchOpensNothingAndEndsARow) {
  attempts(10'000, Verdict::kAnswered);
  attempts(10'000, Verdict::kBackpressure);
  for (int i = 0; i < 10'000; ++i)
    EXPECT_TRUE(enter());  // clients that leave
  EXPECT_EQ(breaker_.phase(), BreakerPhase::kClosed);
  for (const Verdict verdict : {Verdict::kAnswered, Verdict::kBackpressure}) {
    attempts(4, Verdict::kFault);
    attempt(verdict);
  }
  attempts(4, Verdict::kFault);
  EXPECT_EQ(breaker_.phase(), BreakerPhase::kClosed);
}

TEST_F(CircuitBreakerTest, AStreamThatIsCutAfterItsFirstContentIsAFault) {
  for (int i = 0; i < 5; ++i) {
    CircuitBreaker::Permit permit = enter();
    say(permit, Verdict::kGood);
    fail(permit);
  }
  EXPECT_EQ(breaker_.phase(), BreakerPhase::kClosed) << "a good beginning ends the row each time";
  std::vector<CircuitBreaker::Permit> streams;
  for (int i = 0; i < 5; ++i) {
    streams.push_back(enter());
    say(streams.back(), Verdict::kGood);
  }
  for (CircuitBreaker::Permit& stream : streams)
    fail(stream);
  EXPECT_EQ(breaker_.phase(), BreakerPhase::kOpen);
}

TEST_F(CircuitBreakerTest, OthersMayTripIt) {
  breaker_.trip(now_, policy_, random_);
  EXPECT_EQ(breaker_.phase(), BreakerPhase::kOpen);
  breaker_.trip(now_, policy_, random_);
  EXPECT_EQ(breaker_.openings(), 1u);
}

TEST_F(CircuitBreakerTest, WhenItsTimeIsUpOneProbeDecides) {
  open();
  now_ += milliseconds(999);
  EXPECT_FALSE(enter());
  now_ += milliseconds(1);
  EXPECT_TRUE(breaker_.allows(now_, policy_));
  CircuitBreaker::Permit probe = enter();
  ASSERT_TRUE(probe);
  EXPECT_TRUE(probe.is_probe());
  EXPECT_EQ(breaker_.phase(), BreakerPhase::kHalfOpen);
  EXPECT_FALSE(breaker_.allows(now_, policy_));
  EXPECT_FALSE(enter()) << "one at a time";
  say(probe, Verdict::kGood);
  EXPECT_FALSE(probe.is_probe());
  EXPECT_EQ(breaker_.phase(), BreakerPhase::kClosed);
  EXPECT_EQ(breaker_.closed_at(), now_);
  attempts(4, Verdict::kFault);
  EXPECT_EQ(breaker_.phase(), BreakerPhase::kClosed) << "what came before is forgotten";
  // The probe's answer goes on, and its end counts like any other's.
  fail(probe);
  EXPECT_EQ(breaker_.phase(), BreakerPhase::kOpen);
}

TEST_F(CircuitBreakerTest, EachProbeThatFailsDoublesTheTimeUpToItsLimit) {
  policy_.max_open = seconds(5);
  open();
  for (const int wait : {1, 2, 4, 5, 5}) {
    EXPECT_EQ(breaker_.open_until() - now_, seconds(wait));
    now_ = breaker_.open_until();
    EXPECT_TRUE(attempt(Verdict::kFault));
    EXPECT_EQ(breaker_.phase(), BreakerPhase::kOpen);
  }
}

TEST_F(CircuitBreakerTest, OneThatOpensSoonAgainStaysOpenLongerOneThatWasWellBeginsAnew) {
  policy_.max_open = seconds(8);
  open_and_wait();
  attempt(Verdict::kGood);
  now_ += seconds(2);
  open();
  EXPECT_EQ(breaker_.open_until() - now_, seconds(2));
  now_ = breaker_.open_until();
  attempt(Verdict::kGood);
  now_ += seconds(8);
  open();
  EXPECT_EQ(breaker_.open_until() - now_, seconds(1));
}

TEST_F(CircuitBreakerTest, AProbeWhoseClientLeavesSaysNothingAndFreesItsPlace) {
  open_and_wait();
  for (int i = 0; i < 100; ++i) {
    ASSERT_TRUE(enter());
    EXPECT_EQ(breaker_.phase(), BreakerPhase::kHalfOpen);
  }
  EXPECT_TRUE(attempt(Verdict::kGood));
  EXPECT_EQ(breaker_.phase(), BreakerPhase::kClosed);
}

TEST_F(CircuitBreakerTest, AnEndpointThatOnlyAnswersClientsMistakesClosesAfterSeveral) {
  policy_.closes_after_answers = 3;
  open_and_wait();
  attempt(Verdict::kAnswered);
  attempt(Verdict::kAnswered);
  EXPECT_EQ(breaker_.phase(), BreakerPhase::kHalfOpen) << "a frozen engine's server answers those too";
  attempt(Verdict::kFault);
  EXPECT_EQ(breaker_.phase(), BreakerPhase::kOpen);
  now_ = breaker_.open_until();
  attempts(3, Verdict::kAnswered);
  EXPECT_EQ(breaker_.phase(), BreakerPhase::kClosed);
}

TEST_F(CircuitBreakerTest, OneThatIsOverloadedRestsForTheFirstTimeAgain) {
  open_and_wait();
  attempt(Verdict::kFault);
  now_ = breaker_.open_until();
  attempt(Verdict::kFault);
  EXPECT_EQ(breaker_.open_until() - now_, seconds(4));
  now_ = breaker_.open_until();
  attempt(Verdict::kBackpressure);
  EXPECT_EQ(breaker_.phase(), BreakerPhase::kOpen);
  EXPECT_EQ(breaker_.open_until() - now_, seconds(1));
}

TEST_F(CircuitBreakerTest, SilentProbesAreAsGoodAsFailed) {
  open_and_wait();
  CircuitBreaker::Permit silent = enter();
  now_ += policy_.probe_for - milliseconds(1);
  EXPECT_FALSE(breaker_.allows(now_, policy_));
  EXPECT_FALSE(enter());
  EXPECT_EQ(breaker_.phase(), BreakerPhase::kHalfOpen);
  now_ += milliseconds(1);
  EXPECT_TRUE(breaker_.allows(now_, policy_));
  EXPECT_FALSE(enter());
  EXPECT_EQ(breaker_.phase(), BreakerPhase::kOpen);
  EXPECT_EQ(breaker_.open_until() - now_, seconds(2));
  now_ = breaker_.open_until();
  EXPECT_TRUE(attempt(Verdict::kGood)) << "the silent one takes nobody's place";
  EXPECT_EQ(breaker_.phase(), BreakerPhase::kClosed);
  say(silent, Verdict::kFault);
  EXPECT_EQ(breaker_.phase(), BreakerPhase::kClosed) << "what it says is old";
}

TEST_F(CircuitBreakerTest, OnlySoManyProbesOfEarlierRoundsMayHang) {
  std::vector<CircuitBreaker::Permit> silent;
  open();
  for (int round = 0; round < 4; ++round) {
    now_ = breaker_.open_until();
    silent.push_back(enter());
    ASSERT_TRUE(silent.back());
    now_ += policy_.probe_for;
    EXPECT_FALSE(enter());
    EXPECT_EQ(breaker_.phase(), BreakerPhase::kOpen);
  }
  now_ = breaker_.open_until();
  EXPECT_FALSE(enter());
  silent.pop_back();
  EXPECT_TRUE(enter());
}

TEST_F(CircuitBreakerTest, SeveralProbesMayRunAndSeveralMayBeNeeded) {
  policy_.probes = 3;
  policy_.closes_after = 2;
  open_and_wait();
  std::vector<CircuitBreaker::Permit> probes;
  for (int i = 0; i < 3; ++i) {
    probes.push_back(enter());
    EXPECT_TRUE(probes.back());
  }
  EXPECT_FALSE(enter());
  say(probes[0], Verdict::kGood);
  EXPECT_EQ(breaker_.phase(), BreakerPhase::kHalfOpen);
  say(probes[1], Verdict::kGood);
  EXPECT_EQ(breaker_.phase(), BreakerPhase::kClosed);
  say(probes[2], Verdict::kFault);
  EXPECT_EQ(breaker_.phase(), BreakerPhase::kClosed) << "a probe of a phase that is over";
}

TEST_F(CircuitBreakerTest, AProbeOfAnEarlierRoundSaysNothingInALaterOne) {
  policy_.probes = 2;
  open_and_wait();
  CircuitBreaker::Permit late = enter();
  CircuitBreaker::Permit later = enter();
  say(later, Verdict::kFault);
  now_ = breaker_.open_until();
  CircuitBreaker::Permit probe = enter();
  say(late, Verdict::kGood);
  EXPECT_EQ(breaker_.phase(), BreakerPhase::kHalfOpen);
  const CircuitBreaker::Permit second = enter();
  EXPECT_TRUE(second);
  EXPECT_FALSE(enter()) << "the late one's place was not this round's";
  say(probe, Verdict::kGood);
  EXPECT_EQ(breaker_.phase(), BreakerPhase::kClosed);
}

TEST_F(CircuitBreakerTest, AttemptsFromBeforeItOpenedSayNothingEvenOnceItIsClosedAgain) {
  std::vector<CircuitBreaker::Permit> old;
  for (int i = 0; i < 20; ++i)
    old.push_back(enter());
  open_and_wait();
  attempt(Verdict::kGood);
  ASSERT_EQ(breaker_.phase(), BreakerPhase::kClosed);
  attempts(4, Verdict::kFault);
  for (int i = 0; i < 10; ++i)
    say(old[static_cast<std::size_t>(i)], Verdict::kGood);
  for (int i = 10; i < 20; ++i)
    fail(old[static_cast<std::size_t>(i)]);
  EXPECT_EQ(breaker_.phase(), BreakerPhase::kClosed) << "old faults do not count";
  attempt(Verdict::kFault);
  EXPECT_EQ(breaker_.phase(), BreakerPhase::kOpen) << "nor did the old good ones";
}

TEST_F(CircuitBreakerTest, APermitThatTakesAnothersPlaceLetsItsOwnGo) {
  open_and_wait();
  CircuitBreaker::Permit probe = enter();
  probe = CircuitBreaker::Permit();
  EXPECT_TRUE(enter());
  probe = enter();
  CircuitBreaker::Permit moved(std::move(probe));
  EXPECT_FALSE(enter());
  say(moved, Verdict::kGood);
  EXPECT_EQ(breaker_.phase(), BreakerPhase::kClosed);
}

TEST_F(CircuitBreakerTest, JitterOnlyLengthensAndTellsBreakersApart) {
  policy_.jitter = 0.5;
  std::vector<Duration> waits;
  for (int i = 0; i < 20; ++i) {
    CircuitBreaker breaker;
    breaker.trip(now_, policy_, random_);
    waits.push_back(breaker.open_until() - now_);
    EXPECT_GE(waits.back(), policy_.open_for);
    EXPECT_LE(waits.back(), policy_.open_for * 3 / 2);
  }
  std::ranges::sort(waits);
  EXPECT_GT(waits.back() - waits.front(), milliseconds(200));
}

TEST_F(CircuitBreakerTest, PoliciesAtTheEndsOfWhatNumbersSayAreSurvived) {
  policy_ = {.consecutive_faults = 1,
             .open_for = Duration::max(),
             .max_open = Duration::max(),
             .jitter = 1e300,
             .probes = 0};
  attempt(Verdict::kFault);
  EXPECT_LE(breaker_.open_until() - now_, std::chrono::hours(48));
  now_ = breaker_.open_until();
  EXPECT_TRUE(attempt(Verdict::kGood)) << "no probes at all would be for ever";
  policy_.consecutive_faults = 0;
  attempts(1000, Verdict::kFault);
  EXPECT_EQ(breaker_.phase(), BreakerPhase::kClosed);
}

// Whatever threads do: never more probes than there may be, and no place is lost.
TEST_F(CircuitBreakerTest, ProbesAreGrantedProcessWide) {
  policy_.probes = 3;
  policy_.closes_after = 2;
  policy_.consecutive_faults = 2;
  policy_.open_for = policy_.max_open = std::chrono::microseconds(3);
  policy_.probe_for = seconds(1);
  std::atomic<std::int64_t> clock{seconds(1000) / std::chrono::nanoseconds(1)};
  std::atomic<int> probing{0};
  std::atomic<int> most{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      Random random(static_cast<std::uint64_t>(t));
      std::vector<CircuitBreaker::Permit> held;
      for (int i = 0; i < 20'000; ++i) {
        const TimePoint now{Duration(clock.fetch_add(1000))};
        CircuitBreaker::Permit permit = breaker_.enter(now, policy_, random);
        if (permit.is_probe()) {
          const int at_once = ++probing;
          for (int seen = most; at_once > seen && !most.compare_exchange_weak(seen, at_once);) {
          }
          --probing;
        }
        const std::uint64_t dice = random.below(6);
        if (dice < 4 && permit) permit.answered(static_cast<Verdict>(dice), now, policy_, random);
        if (dice == 4) held.push_back(std::move(permit));
        if (held.size() > 3) held.erase(held.begin());
      }
    });
  }
  for (std::thread& thread : threads)
    thread.join();
  EXPECT_GT(breaker_.openings(), 100u);
  EXPECT_LE(most, 12);
  now_ = TimePoint(Duration(clock.load())) + seconds(10);
  breaker_.trip(now_, policy_, random_);
  now_ += seconds(10);
  std::vector<CircuitBreaker::Permit> probes;
  for (int i = 0; i < 3; ++i) {
    CircuitBreaker::Permit probe = enter();
    // The phase that the threads left may have been half-open with probes of its own, whose places are free.
    ASSERT_TRUE(probe) << i;
    ASSERT_TRUE(probe.is_probe());
    probes.push_back(std::move(probe));
  }
  EXPECT_FALSE(enter());
}

}  // namespace
}  // namespace sluice
