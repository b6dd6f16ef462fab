#include "gateway/app/refresh_schedule.h"

#include <gtest/gtest.h>

namespace sluice {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

class RefreshScheduleTest : public ::testing::Test {
 protected:
  RefreshSchedule schedule_{seconds(5), minutes(5)};
  Random random_{3};
};

TEST_F(RefreshScheduleTest, AnAnswerIsKeptAsLongAsItsRecordsLiveWithinTheBounds) {
  EXPECT_EQ(schedule_.after_success(seconds(60)), seconds(60));
  EXPECT_EQ(schedule_.after_success(seconds(0)), seconds(5));
  EXPECT_EQ(schedule_.after_success(Duration::max()), minutes(5));
}

TEST_F(RefreshScheduleTest, AfterFailuresItWaitsLongerAndLongerUpToTheBound) {
  for (int round = 0; round < 200; ++round) {
    for (const seconds longest : {seconds(5), seconds(10), seconds(20), seconds(40), seconds(80),
                                  seconds(160), seconds(300), seconds(300)}) {
      const Duration wait = schedule_.after_failure(random_);
      EXPECT_LE(wait, longest);
      EXPECT_GE(wait, std::max<Duration>(seconds(5), longest / 2));
    }
    EXPECT_EQ(schedule_.failures_in_a_row(), 8u);
    (void)schedule_.after_success(seconds(60));
    EXPECT_EQ(schedule_.failures_in_a_row(), 0u);
  }
}

TEST_F(RefreshScheduleTest, GatewaysThatFailTogetherDoNotComeBackTogether) {
  Random other(4);
  RefreshSchedule another(seconds(5), minutes(5));
  (void)schedule_.after_failure(random_);
  (void)another.after_failure(other);
  EXPECT_NE(schedule_.after_failure(random_), another.after_failure(other));
}

TEST_F(RefreshScheduleTest, AfterAPartialAnswerItAsksWhenTheFirstOfBothIsDue) {
  EXPECT_EQ(schedule_.after_partial(seconds(300), random_), seconds(5));
  for (int i = 0; i < 20; ++i)
    EXPECT_LE(schedule_.after_partial(seconds(30), random_), seconds(30));
  EXPECT_EQ(schedule_.failures_in_a_row(), 21u);
}

}  // namespace
}  // namespace sluice
