#include "gateway/runtime/lag_probe.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <vector>

namespace sluice {
namespace {

using std::chrono::milliseconds;
using ::testing::ElementsAre;

class LagProbeTest : public ::testing::Test {
 protected:
  void after(Duration time) {
    time_.advance(time);
    loop_.expire();
  }

  ManualTime time_;
  Loop loop_{time_, 1};
  std::vector<Duration> reports_;
  std::unique_ptr<LagProbe> probe_ =
      std::make_unique<LagProbe>(loop_, [this](Duration lag) { reports_.push_back(lag); });
};

TEST_F(LagProbeTest, ReportsNoLagWhenTheTimerFiresInTime) {
  after(milliseconds(90));
  EXPECT_THAT(reports_, ElementsAre());
  after(milliseconds(10));
  after(milliseconds(100));
  EXPECT_THAT(reports_, ElementsAre(Duration::zero(), Duration::zero()));
}

TEST_F(LagProbeTest, DoesNotCountTheTickOfTheWheelAsLag) {
  after(milliseconds(110));
  EXPECT_THAT(reports_, ElementsAre(Duration::zero()));
}

TEST_F(LagProbeTest, ReportsAStallOnceAndThenGoesOnAsBefore) {
  after(milliseconds(1110));
  EXPECT_THAT(reports_, ElementsAre(milliseconds(1000)));
  after(milliseconds(100));
  EXPECT_THAT(reports_, ElementsAre(milliseconds(1000), Duration::zero()));
}

TEST_F(LagProbeTest, ReportsNothingOnceDestroyed) {
  probe_.reset();
  after(milliseconds(500));
  EXPECT_THAT(reports_, ElementsAre());
}

}  // namespace
}  // namespace sluice
