#include "gateway/app/heap_return.h"

#include <gtest/gtest.h>

#include <cstdint>

#include "tests/support/test_loop.h"

namespace sluice::test {
namespace {

class HeapReturnTest : public ::testing::Test {
 protected:
  void pass(std::int64_t open) {
    open_ = open;
    t_.advance(HeapReturn::kInterval + TimerWheel::kTick);
  }

  TestLoop t_;
  std::int64_t open_ = 0;
  int given_back_ = 0;
  HeapReturn heap_{t_.loop, [this] { return open_; }, [this] { ++given_back_; }};
};

TEST_F(HeapReturnTest, APeakThatHasPassedIsGivenBackOnce) {
  pass(10'000);
  pass(6'000);
  EXPECT_EQ(given_back_, 0) << "more than half of it is still there";
  pass(5'000);
  EXPECT_EQ(given_back_, 1);
  for (int i = 0; i < 100; ++i)
    pass(4'800);
  EXPECT_EQ(given_back_, 1);
  pass(100);
  EXPECT_EQ(given_back_, 2) << "what was left of it went too";
  for (int i = 0; i < 100; ++i)
    pass(0);
  EXPECT_EQ(given_back_, 2);
}

TEST_F(HeapReturnTest, SmallWavesAreLeftAlone) {
  for (int i = 0; i < 100; ++i) {
    pass(HeapReturn::kLeastDrop - 1);
    pass(0);
  }
  EXPECT_EQ(given_back_, 0);
}

TEST_F(HeapReturnTest, WavesDoNotMakeItAHabit) {
  int waves = 0;
  for (Duration passed{}; passed < 10 * HeapReturn::kLeastPause;
       passed += 2 * HeapReturn::kInterval, ++waves) {
    pass(1'000);
    pass(0);
  }
  EXPECT_GT(waves, 20);
  EXPECT_GE(given_back_, 8);
  EXPECT_LE(given_back_, 11);
}

}  // namespace
}  // namespace sluice::test
