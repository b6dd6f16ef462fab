#include "backends/health/outliers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sluice {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using enum OutlierReason;

EndpointConduct conduct(std::uint64_t attempts, std::uint64_t faults) {
  return {.attempts = attempts, .faults = faults};
}
EndpointConduct with_gap(int ms, std::uint64_t gaps = 100) {
  return {.gaps = gaps, .mean_gap = milliseconds(ms)};
}
EndpointConduct with_first_token(int ms, std::uint64_t count = 100) {
  return {.first_tokens = count, .mean_first_token = milliseconds(ms)};
}

TEST(Outliers, OneThatFailsWhereOthersDoNotStandsOut) {
  const std::vector<EndpointConduct> fleet{conduct(100, 2), conduct(100, 60), conduct(100, 0)};
  EXPECT_THAT(find_outliers(fleet, {}), ElementsAre(kNone, kFaults, kNone));
}

TEST(Outliers, WhereAllFailNobodyDoes) {
  const std::vector<EndpointConduct> fleet{conduct(100, 90), conduct(100, 100), conduct(100, 80)};
  EXPECT_THAT(find_outliers(fleet, {}), Each(kNone));
}

TEST(Outliers, OfTwoTheBetterIsTheMeasure) {
  EXPECT_THAT(find_outliers(std::vector{conduct(50, 40), conduct(50, 0)}, {}), ElementsAre(kFaults, kNone));
  EXPECT_THAT(find_outliers(std::vector{with_gap(20), with_gap(200)}, {}), ElementsAre(kNone, kTokenGap));
}

TEST(Outliers, TokensThatComeManyTimesSlowerThanTheMediansDoToo) {
  const std::vector<EndpointConduct> fleet{with_gap(20), with_gap(99), with_gap(100), with_gap(22),
                                           with_gap(18)};
  EXPECT_THAT(find_outliers(fleet, {.gap_factor = 4.5}),
              ElementsAre(kNone, kTokenGap, kTokenGap, kNone, kNone));
  EXPECT_THAT(find_outliers(fleet, {.gap_factor = 0}), Each(kNone));
  const std::vector<EndpointConduct> slow{with_first_token(300), with_first_token(1500),
                                          with_first_token(250)};
  EXPECT_THAT(find_outliers(slow, {}), ElementsAre(kNone, kFirstToken, kNone));
}

TEST(Outliers, WhoHasTooLittleToShowIsNotJudgedAndIsNoMeasure) {
  EXPECT_THAT(find_outliers(std::vector{conduct(9, 9), conduct(100, 0), conduct(100, 0)}, {}), Each(kNone));
  EXPECT_THAT(find_outliers(std::vector{with_gap(20), with_gap(2000, 9)}, {}), Each(kNone));
  EXPECT_THAT(find_outliers(std::vector{with_gap(20, 9), with_gap(2000)}, {}), Each(kNone))
      << "nobody to compare with";
}

TEST(Outliers, NothingIsDividedByZero) {
  EXPECT_THAT(find_outliers({}, {}), IsEmpty());
  const OutlierPolicy eager{.fault_share = 0.1, .least_attempts = 0, .least_samples = 0};
  EXPECT_THAT(find_outliers(std::vector<EndpointConduct>(3), eager), Each(kNone));
  EXPECT_THAT(find_outliers(std::vector{with_gap(0), with_gap(0), with_gap(7)}, eager), Each(kNone));
}

class EjectionsTest : public ::testing::Test {
 protected:
  std::vector<OutlierReason> tick() {
    eject_outliers(fleet_, policy_, now_, ejections_);
    std::vector<OutlierReason> reasons;
    for (const Ejection& ejection : ejections_)
      reasons.push_back(ejection.reason);
    return reasons;
  }

  OutlierPolicy policy_;
  std::vector<EndpointConduct> fleet_{conduct(100, 0), conduct(100, 80), conduct(100, 0), conduct(100, 0)};
  std::vector<Ejection> ejections_ = std::vector<Ejection>(4);
  TimePoint now_ = TimePoint(seconds(1000));
};

TEST_F(EjectionsTest, AnOutlierIsOutForItsTimeAndThenBack) {
  EXPECT_THAT(tick(), ElementsAre(kNone, kFaults, kNone, kNone));
  fleet_[1] = {};  // it gets no more requests
  now_ += milliseconds(9999);
  EXPECT_THAT(tick(), ElementsAre(kNone, kFaults, kNone, kNone));
  now_ += milliseconds(1);
  EXPECT_THAT(tick(), Each(kNone));
  EXPECT_EQ(ejections_[1].returned_at, now_);
}

TEST_F(EjectionsTest, EachFurtherTimeIsLongerUpToALimit) {
  policy_.max_eject = seconds(35);
  for (const int length : {10, 20, 30, 35, 35}) {
    tick();
    EXPECT_EQ(ejections_[1].until - now_, seconds(length));
    now_ = ejections_[1].until;
  }
}

TEST_F(EjectionsTest, OneThatBehavedForAWhileIsOutNoLongerThanBefore) {
  tick();
  now_ = ejections_[1].until;
  tick();
  EXPECT_EQ(ejections_[1].until - now_, seconds(20));
  const EndpointConduct bad = std::exchange(fleet_[1], conduct(100, 0));
  now_ = ejections_[1].until + seconds(20);
  tick();
  fleet_[1] = bad;
  tick();
  EXPECT_EQ(ejections_[1].until - now_, seconds(20));
}

TEST_F(EjectionsTest, NoMoreThanTheShareAreOutAndTheWorstReasonsGoFirst) {
  fleet_ = {with_gap(500),   conduct(100, 80), with_gap(20), with_gap(21),
            conduct(100, 0), conduct(100, 0),  with_gap(22)};
  ejections_.assign(7, {});
  EXPECT_THAT(tick(), ElementsAre(kTokenGap, kFaults, kNone, kNone, kNone, kNone, kNone)) << "30% of 7 are 2";
  ejections_.assign(7, {});
  policy_.max_ejected = 0.2;
  EXPECT_THAT(tick(), ElementsAre(kNone, kFaults, kNone, kNone, kNone, kNone, kNone));
  ejections_.assign(7, {});
  policy_.max_ejected = 0;
  EXPECT_THAT(tick(), Each(kNone));
}

TEST_F(EjectionsTest, OfTwoOneMayBeOutAndOfOneNone) {
  fleet_ = {conduct(100, 90), conduct(100, 0)};
  ejections_.assign(2, {});
  EXPECT_THAT(tick(), ElementsAre(kFaults, kNone));
  fleet_ = {conduct(100, 90)};
  ejections_.assign(1, {});
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
}

}  // namespace
}  // namespace sluice
