#include "backends/health/fault_rate.h"

#include <gtest/gtest.h>

namespace sluice {
namespace {

using std::chrono::seconds;

constexpr Duration kWindow = seconds(10);

TimePoint at(int s) {
  return TimePoint(seconds(s));
}

TEST(FaultRate, IsOfWhatHappenedSinceALookThatIsOldEnough) {
  FaultRate rate;
  EXPECT_EQ(rate.look({1000, 900}, at(100), kWindow).attempts, 0u)
      << "what was before the first look is not known";
  FaultRate::Counts counts = rate.look({1010, 905}, at(101), kWindow);
  EXPECT_EQ(counts.attempts, 10u);
  EXPECT_EQ(counts.faults, 5u);
  EXPECT_DOUBLE_EQ(counts.share(), 0.5);
  counts = rate.look({1030, 905}, at(110), kWindow);
  EXPECT_EQ(counts.attempts, 30u) << "since 100";
  counts = rate.look({1031, 906}, at(111), kWindow);
  EXPECT_EQ(counts.attempts, 21u) << "since 101";
  EXPECT_EQ(counts.faults, 1u);
}

TEST(FaultRate, LooksThatAreFarApartCompareWithTheLastOne) {
  FaultRate rate;
  rate.look({10, 10}, at(0), kWindow);
  EXPECT_EQ(rate.look({20, 10}, at(1000), kWindow).attempts, 10u);
  EXPECT_EQ(rate.look({50, 10}, at(2000), kWindow).attempts, 30u);
}

TEST(FaultRate, NoAttemptsAreNoFaults) {
  FaultRate rate;
  EXPECT_DOUBLE_EQ(rate.look({}, at(0), kWindow).share(), 0);
}

TEST(FaultRate, ForgetsWhatCameBefore) {
  FaultRate rate;
  rate.look({0, 0}, at(0), kWindow);
  rate.forget();
  EXPECT_EQ(rate.look({10, 10}, at(1), kWindow).attempts, 0u);
}

}  // namespace
}  // namespace sluice
