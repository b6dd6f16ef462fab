#include "backends/health/outliers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <utility>
#include <vector>

namespace sluice {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using enum OutlierReason;

constexpr TimePoint kNow = TimePoint(seconds(1000));

WatchedEndpoint attempts(std::uint64_t count, std::uint64_t faults) {
  return {.conduct = {.attempts = count, .faults = faults}};
}
WatchedEndpoint with_gap(int ms, std::uint64_t gaps = 100) {
  return {.conduct = {.gaps = gaps, .mean_gap = milliseconds(ms)}};
}
WatchedEndpoint with_first_token(int ms, std::uint64_t count = 100) {
  return {.conduct = {.first_tokens = count, .mean_first_token = milliseconds(ms)}};
}

std::vector<OutlierReason> reasons(const std::vector<WatchedEndpoint>& fleet,
                                   const OutlierPolicy& policy = {}) {
  std::vector<OutlierReason> reasons;
  for (const Outlier& outlier : find_outliers(fleet, policy, kNow))
    reasons.push_back(outlier.reason);
  return reasons;
}

TEST(Outliers, OneThatFailsWhereOthersDoNotStandsOut) {
  EXPECT_THAT(reasons({attempts(100, 2), attempts(100, 60), attempts(100, 0)}),
              ElementsAre(kNone, kFaults, kNone));
}

TEST(Outliers, WhereAllFailNobodyDoes) {
  EXPECT_THAT(reasons({attempts(100, 90), attempts(100, 100), attempts(100, 80)}), Each(kNone));
  EXPECT_THAT(reasons({attempts(100, 49), attempts(100, 51), attempts(100, 50)}), Each(kNone)) << "all alike";
}

TEST(Outliers, OfTwoTheBetterIsTheMeasure) {
  EXPECT_THAT(reasons({attempts(50, 40), attempts(50, 0)}), ElementsAre(kFaults, kNone));
  EXPECT_THAT(reasons({with_gap(20), with_gap(200)}), ElementsAre(kNone, kTokenGap));
}

TEST(Outliers, TokensThatComeManyTimesSlowerThanTheMediansDoToo) {
  const std::vector<WatchedEndpoint> fleet{with_gap(20), with_gap(99), with_gap(100), with_gap(22),
                                           with_gap(18)};
  EXPECT_THAT(reasons(fleet, {.gap_factor = 4.5}), ElementsAre(kNone, kTokenGap, kTokenGap, kNone, kNone));
  EXPECT_THAT(reasons(fleet, {.gap_factor = 0}), Each(kNone));
  EXPECT_THAT(reasons({with_first_token(300), with_first_token(1500), with_first_token(250)}),
              ElementsAre(kNone, kFirstToken, kNone));
}

TEST(Outliers, WhatNobodyWouldNoticeIsNone) {
  EXPECT_THAT(reasons({with_gap(1), with_gap(50), with_gap(1)}), Each(kNone)) << "49 ms more";
  EXPECT_THAT(reasons({with_first_token(2), with_first_token(900), with_first_token(2)}), Each(kNone));
}

TEST(Outliers, WhoHasTooLittleToShowIsNotJudgedAndIsNoMeasure) {
  EXPECT_THAT(reasons({attempts(9, 9), attempts(100, 0), attempts(100, 0)}), Each(kNone));
  EXPECT_THAT(reasons({with_gap(20), with_gap(2000, 49)}), Each(kNone));
  EXPECT_THAT(reasons({with_gap(20, 49), with_gap(2000)}), Each(kNone)) << "nobody to compare with";
}

TEST(Outliers, WhoIsOutOrHasJustComeBackIsNotJudgedAndIsNoMeasure) {
  std::vector<WatchedEndpoint> fleet{with_gap(20), with_gap(2000), with_gap(2000)};
  EXPECT_THAT(reasons(fleet), Each(kNone)) << "the median is slow";
  fleet.push_back(with_gap(20));
  EXPECT_THAT(reasons(fleet), ElementsAre(kNone, kTokenGap, kTokenGap, kNone));
  fleet[1].is_out = true;
  fleet[2].ejection = {.times = 1, .returned_at = kNow - seconds(29)};
  EXPECT_THAT(reasons(fleet), Each(kNone));
  fleet[2].ejection.returned_at = kNow - seconds(30);
  EXPECT_THAT(reasons(fleet), ElementsAre(kNone, kNone, kTokenGap, kNone));
}

TEST(Outliers, NothingIsDividedByZero) {
  EXPECT_THAT(find_outliers({}, {}, kNow), IsEmpty());
  const OutlierPolicy eager{
      .fault_share = 0.1, .fault_margin = 0, .least_attempts = 0, .gap_margin = {}, .least_samples = 0};
  EXPECT_THAT(reasons(std::vector<WatchedEndpoint>(3), eager), Each(kNone));
  EXPECT_THAT(reasons({with_gap(0), with_gap(0), with_gap(7)}, {.gap_margin = milliseconds(5)}),
              ElementsAre(kNone, kNone, kTokenGap));
}

class EjectionsTest : public ::testing::Test {
 protected:
  std::vector<OutlierReason> tick() {
    eject_outliers(fleet_, policy_, now_);
    std::vector<OutlierReason> reasons;
    for (const WatchedEndpoint& endpoint : fleet_)
      reasons.push_back(endpoint.ejection.reason);
    return reasons;
  }

  OutlierPolicy policy_;
  std::vector<WatchedEndpoint> fleet_{attempts(100, 0), attempts(100, 80), attempts(100, 0),
                                      attempts(100, 0)};
  Ejection& ejection_ = fleet_[1].ejection;
  TimePoint now_ = kNow;
};

TEST_F(EjectionsTest, AnOutlierIsOutForItsTimeThenBackAndJudgedByWhatItDoesFromThenOn) {
  EXPECT_THAT(tick(), ElementsAre(kNone, kFaults, kNone, kNone));
  now_ += milliseconds(9999);
  EXPECT_THAT(tick(), ElementsAre(kNone, kFaults, kNone, kNone));
  now_ += milliseconds(1);
  EXPECT_THAT(tick(), Each(kNone)) << "its conduct is from before";
  EXPECT_EQ(ejection_.returned_at, now_);
  now_ += policy_.stretch;
  EXPECT_THAT(tick(), ElementsAre(kNone, kFaults, kNone, kNone));
}

TEST_F(EjectionsTest, EachFurtherTimeIsLongerUpToALimit) {
  policy_.max_eject = seconds(35);
  for (const int length : {10, 20, 30, 35, 35}) {
    tick();
    EXPECT_EQ(ejection_.until - now_, seconds(length));
    now_ = ejection_.until;
    tick();
    now_ += policy_.stretch;
  }
}

TEST_F(EjectionsTest, GoodConductIsForgivenStepByStep) {
  for (int i = 0; i < 3; ++i) {
    tick();
    now_ = ejection_.until;
    tick();
    now_ += policy_.stretch;
  }
  EXPECT_EQ(ejection_.times, 3u);
  const EndpointConduct bad = std::exchange(fleet_[1].conduct, attempts(100, 0).conduct);
  now_ += seconds(10);
  tick();
  EXPECT_EQ(ejection_.times, 2u);
  now_ += 10 * (policy_.stretch + policy_.eject_for);
  tick();
  EXPECT_EQ(ejection_.times, 0u);
  fleet_[1].conduct = bad;
  tick();
  EXPECT_EQ(ejection_.until - now_, seconds(10));
}

TEST_F(EjectionsTest, NoMoreThanTheShareAreOutAndTheWorstGoFirst) {
  const std::vector<WatchedEndpoint> fleet{attempts(100, 60), attempts(100, 0),  attempts(100, 95),
                                           attempts(100, 0),  attempts(100, 70), attempts(100, 0),
                                           attempts(100, 0)};
  fleet_ = fleet;
  EXPECT_THAT(tick(), ElementsAre(kNone, kNone, kFaults, kNone, kFaults, kNone, kNone)) << "30% of 7 are 2";
  EXPECT_THAT(tick(), ElementsAre(kNone, kNone, kFaults, kNone, kFaults, kNone, kNone))
      << "those that are out count";
  fleet_ = fleet;
  fleet_[1].is_out = true;
  EXPECT_THAT(tick(), ElementsAre(kNone, kNone, kFaults, kNone, kNone, kNone, kNone))
      << "out for another reason, too";
  fleet_ = fleet;
  policy_.max_ejected = 0;
  EXPECT_THAT(tick(), Each(kNone));
  policy_.max_ejected = 1e300;
  fleet_ = {attempts(100, 90), attempts(100, 0), attempts(100, 90), attempts(100, 0)};
  EXPECT_THAT(tick(), ElementsAre(kFaults, kNone, kFaults, kNone));
}

TEST_F(EjectionsTest, OfTwoOneMayBeOutAndOfOneNone) {
  fleet_ = {attempts(100, 90), attempts(100, 0)};
  EXPECT_THAT(tick(), ElementsAre(kFaults, kNone));
  fleet_ = {attempts(100, 90)};
  EXPECT_THAT(tick(), ElementsAre(kNone));
}

TEST(SlowStart, GrowsFromATenthToAll) {
  const Duration length = seconds(30);
  EXPECT_DOUBLE_EQ(slow_start_share(seconds(-1), length), 0.1);
  EXPECT_DOUBLE_EQ(slow_start_share(seconds(0), length), 0.1);
  EXPECT_DOUBLE_EQ(slow_start_share(seconds(2), length), 0.1);
  EXPECT_DOUBLE_EQ(slow_start_share(seconds(15), length), 0.5);
  EXPECT_DOUBLE_EQ(slow_start_share(seconds(30), length), 1);
  EXPECT_DOUBLE_EQ(slow_start_share(minutes(10), length), 1);
  EXPECT_DOUBLE_EQ(slow_start_share(seconds(0), seconds(0)), 1);
}

TEST(Panic, IsWhenFewerThanTheShareAreLeft) {
  EXPECT_FALSE(is_panic(5, 10, 0.5));
  EXPECT_TRUE(is_panic(4, 10, 0.5));
  EXPECT_TRUE(is_panic(0, 1, 0.5));
  EXPECT_FALSE(is_panic(0, 10, 0));
  EXPECT_FALSE(is_panic(0, 0, 0.5));
  EXPECT_FALSE(is_panic(10, 10, 7)) << "all of them are enough";
}

}  // namespace
}  // namespace sluice
