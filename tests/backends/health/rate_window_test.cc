#include "backends/health/rate_window.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace sluice {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr Duration kLength = seconds(10);

TimePoint at(double s) {
  return TimePoint(std::chrono::duration_cast<Duration>(std::chrono::duration<double>(s)));
}

TEST(RateWindow, CountsWhatIsYoungerThanItsLength) {
  RateWindow window;
  window.add(true, at(100), kLength);
  window.add(false, at(105), kLength);
  EXPECT_EQ(window.counts(at(105), kLength).attempts, 2u);
  EXPECT_EQ(window.counts(at(105), kLength).faults, 1u);
  EXPECT_EQ(window.counts(at(109.9), kLength).attempts, 2u);
  EXPECT_EQ(window.counts(at(110), kLength).attempts, 1u) << "the oldest tenth has gone";
  EXPECT_EQ(window.counts(at(110), kLength).faults, 0u);
  EXPECT_EQ(window.counts(at(115), kLength).attempts, 0u);
}

TEST(RateWindow, AnOldTenthIsReplacedByTheOneThatTakesItsPlace) {
  RateWindow window;
  for (int i = 0; i < 5; ++i)
    window.add(true, at(100), kLength);
  window.add(false, at(110), kLength);
  EXPECT_EQ(window.counts(at(110), kLength).attempts, 1u);
  EXPECT_EQ(window.counts(at(110), kLength).faults, 0u);
}

TEST(RateWindow, CountsNothingTwiceAndEndsAtAMillionATenth) {
  RateWindow window;
  for (int i = 0; i < (1 << 20) + 100; ++i)
    window.add(i % 2 == 0, at(50), kLength);
  EXPECT_EQ(window.counts(at(50), kLength).attempts, (1u << 20) - 1);
  EXPECT_EQ(window.counts(at(50), kLength).faults, 1u << 19);
}

TEST(RateWindow, ForgetsWhenItIsCleared) {
  RateWindow window;
  window.add(true, at(1), kLength);
  window.clear();
  EXPECT_EQ(window.counts(at(1), kLength).attempts, 0u);
}

TEST(RateWindow, TheBeginningOfTimeIsNoSpecialCase) {
  RateWindow window;
  EXPECT_EQ(window.counts(at(0), kLength).attempts, 0u);
  window.add(true, at(0), kLength);
  window.add(true, at(0.5), kLength);
  EXPECT_EQ(window.counts(at(0.5), kLength).faults, 2u);
}

TEST(RateWindow, ThreadsLoseNothingWithinATenth) {
  RateWindow window;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 10'000; ++i)
        window.add(i % 10 == 0, at(7), kLength);
    });
  }
  for (std::thread& thread : threads)
    thread.join();
  EXPECT_EQ(window.counts(at(7), kLength).attempts, 40'000u);
  EXPECT_EQ(window.counts(at(7), kLength).faults, 4'000u);
}

}  // namespace
}  // namespace sluice
