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

  CircuitBreaker::Permit enter() { return breaker_.enter(now_, policy_); }
  void settle(CircuitBreaker::Permit permit, Verdict verdict) {
    permit.settle(verdict, now_, policy_, random_);
  }
  // One attempt; false if the breaker did not let it.
  bool attempt(Verdict verdict) {
    CircuitBreaker::Permit permit = enter();
    if (!permit) return false;
    settle(std::move(permit), verdict);
    return true;
  }
  void attempts(int count, Verdict verdict) {
    for (int i = 0; i < count; ++i)
      attempt(verdict);
  }
  void open() {
    attempts(static_cast<int>(policy_.consecutive_faults), Verdict::kFault);
    ASSERT_EQ(breaker_.phase(), BreakerPhase::kOpen);
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

TEST_F(CircuitBreakerTest, WhatClientsDoWrongAndWhatIsTooMuchOpensNothing) {
  policy_.fault_share = 0.01;
  attempts(10'000, Verdict::kNothing);
  attempts(10'000, Verdict::kBackpressure);
  EXPECT_EQ(breaker_.phase(), BreakerPhase::kClosed);
  // Nor does it break a row of faults.
  attempts(3, Verdict::kFault);
  attempts(100, Verdict::kNothing);
  attempts(2, Verdict::kFault);
  EXPECT_EQ(breaker_.phase(), BreakerPhase::kOpen);
}

TEST_F(CircuitBreakerTest, AShareOfFaultsOpensItOnceThereAreEnoughAttempts) {
  policy_.consecutive_faults = 0;
  policy_.fault_share = 0.5;
  policy_.least_attempts = 20;
  for (int i = 0; i < 9; ++i) {
    attempt(Verdict::kFault);
    attempt(Verdict::kGood);
  }
  attempt(Verdict::kFault);
  EXPECT_EQ(breaker_.phase(), BreakerPhase::kClosed) << "19 attempts";
  attempt(Verdict::kFault);
  EXPECT_EQ(breaker_.phase(), BreakerPhase::kOpen);
}

TEST_F(CircuitBreakerTest, FaultsOlderThanTheWindowDoNotCount) {
  policy_.consecutive_faults = 0;
  policy_.fault_share = 0.5;
  policy_.least_attempts = 4;
  attempts(3, Verdict::kFault);
  now_ += policy_.window + seconds(1);
  attempts(3, Verdict::kGood);
  attempt(Verdict::kFault);
  EXPECT_EQ(breaker_.phase(), BreakerPhase::kClosed) << "one of four";
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
  settle(std::move(probe), Verdict::kGood);
  EXPECT_EQ(breaker_.phase(), BreakerPhase::kClosed);
  EXPECT_TRUE(attempt(Verdict::kFault)) << "what came before is forgotten";
  EXPECT_EQ(breaker_.phase(), BreakerPhase::kClosed);
}

TEST_F(CircuitBreakerTest, EachProbeThatFailsDoublesTheTimeUpToItsLimit) {
  policy_.open_for = seconds(1);
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
  open();
  now_ = breaker_.open_until();
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
  open();
  now_ = breaker_.open_until();
  { const CircuitBreaker::Permit probe = enter(); }
  EXPECT_EQ(breaker_.phase(), BreakerPhase::kHalfOpen);
  for (const Verdict verdict : {Verdict::kNothing, Verdict::kBackpressure}) {
    EXPECT_TRUE(attempt(verdict));
    EXPECT_EQ(breaker_.phase(), BreakerPhase::kHalfOpen);
  }
  EXPECT_TRUE(attempt(Verdict::kGood));
  EXPECT_EQ(breaker_.phase(), BreakerPhase::kClosed);
}

TEST_F(CircuitBreakerTest, SeveralProbesMayRunAndSeveralMayBeNeeded) {
  policy_.probes = 3;
  policy_.closes_after = 2;
  open();
  now_ = breaker_.open_until();
  std::vector<CircuitBreaker::Permit> probes;
  for (int i = 0; i < 3; ++i) {
    probes.push_back(enter());
    EXPECT_TRUE(probes.back());
  }
  EXPECT_FALSE(enter());
  settle(std::move(probes[0]), Verdict::kGood);
  EXPECT_EQ(breaker_.phase(), BreakerPhase::kHalfOpen);
  settle(std::move(probes[1]), Verdict::kGood);
  EXPECT_EQ(breaker_.phase(), BreakerPhase::kClosed);
  settle(std::move(probes[2]), Verdict::kFault);
  EXPECT_EQ(breaker_.phase(), BreakerPhase::kClosed) << "a probe of a phase that is over";
}

TEST_F(CircuitBreakerTest, AProbeOfAnEarlierRoundSaysNothingInALaterOne) {
  policy_.probes = 2;
  open();
  now_ = breaker_.open_until();
  CircuitBreaker::Permit late = enter();
  attempt(Verdict::kFault);
  now_ = breaker_.open_until();
  CircuitBreaker::Permit probe = enter();
  settle(std::move(late), Verdict::kGood);
  EXPECT_EQ(breaker_.phase(), BreakerPhase::kHalfOpen);
  EXPECT_TRUE(enter()) << "its place was not counted twice";
  settle(std::move(probe), Verdict::kGood);
  EXPECT_EQ(breaker_.phase(), BreakerPhase::kClosed);
}

TEST_F(CircuitBreakerTest, AttemptsThatBeganBeforeItOpenedSayNothingAfterwards) {
  CircuitBreaker::Permit slow = enter();
  CircuitBreaker::Permit bad = enter();
  open();
  const TimePoint until = breaker_.open_until();
  settle(std::move(bad), Verdict::kFault);
  EXPECT_EQ(breaker_.open_until(), until);
  now_ = until;
  CircuitBreaker::Permit probe = enter();
  settle(std::move(slow), Verdict::kGood);
  EXPECT_EQ(breaker_.phase(), BreakerPhase::kHalfOpen);
}

TEST_F(CircuitBreakerTest, JitterOnlyLengthensAndTellsBreakersApart) {
  policy_.jitter = 0.5;
  std::vector<Duration> waits;
  for (int i = 0; i < 20; ++i) {
    CircuitBreaker breaker;
    for (int k = 0; k < 5; ++k)
      breaker.enter(now_, policy_).settle(Verdict::kFault, now_, policy_, random_);
    waits.push_back(breaker.open_until() - now_);
    EXPECT_GE(waits.back(), policy_.open_for);
    EXPECT_LE(waits.back(), policy_.open_for * 3 / 2);
  }
  std::ranges::sort(waits);
  EXPECT_GT(waits.back() - waits.front(), milliseconds(200));
}

TEST_F(CircuitBreakerTest, WithoutRulesItNeverOpens) {
  policy_.consecutive_faults = 0;
  attempts(1000, Verdict::kFault);
  EXPECT_EQ(breaker_.phase(), BreakerPhase::kClosed);
}

// All threads together get as many probes as the policy has, and the counts come out even.
TEST_F(CircuitBreakerTest, ProbesAreGrantedProcessWide) {
  policy_.probes = 3;
  policy_.closes_after = 1'000'000;
  open();
  now_ = breaker_.open_until();
  std::atomic<int> running{0};
  std::atomic<int> most{0};
  std::atomic<int> granted{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      Random random(static_cast<std::uint64_t>(t));
      for (int i = 0; i < 5000; ++i) {
        CircuitBreaker::Permit permit = breaker_.enter(now_, policy_);
        if (!permit) continue;
        ++granted;
        const int at_once = ++running;
        for (int seen = most; at_once > seen && !most.compare_exchange_weak(seen, at_once);) {
        }
        --running;
        if (i % 2 == 0) permit.settle(Verdict::kNothing, now_, policy_, random);
      }
    });
  }
  for (std::thread& thread : threads)
    thread.join();
  EXPECT_GT(granted, 0);
  EXPECT_LE(most, 3);
  for (int i = 0; i < 3; ++i)
    EXPECT_TRUE(breaker_.allows(now_, policy_));
}

}  // namespace
}  // namespace sluice
