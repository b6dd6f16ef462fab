#include "perf/load/histogram.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>

namespace sluice::load {
namespace {

TEST(Histogram, SmallValuesAreExact) {
  Histogram h;
  for (std::int64_t i = 1; i <= 100; ++i)
    h.add(i);
  EXPECT_EQ(h.count(), 100u);
  EXPECT_EQ(h.quantile(0.01), 1);
  EXPECT_EQ(h.quantile(0.5), 50);
  EXPECT_EQ(h.quantile(0.99), 99);
  EXPECT_EQ(h.quantile(1), 100);
  EXPECT_EQ(h.max(), 100);
}

TEST(Histogram, LargeValuesAreWithinOnePercent) {
  for (std::int64_t value = 1; value < std::int64_t{1} << 60; value = value * 3 + 1) {
    Histogram h;
    h.add(value);
    h.add(std::numeric_limits<std::int64_t>::max());
    EXPECT_NEAR(static_cast<double>(h.quantile(0.5)), static_cast<double>(value),
                0.01 * static_cast<double>(value));
  }
}

TEST(Histogram, EveryValueHasABucketAndQuantilesRise) {
  Histogram h;
  h.add(-5);
  h.add(0);
  h.add(127);
  h.add(128);
  h.add(std::numeric_limits<std::int64_t>::max());
  EXPECT_EQ(h.quantile(0.2), 0);
  EXPECT_EQ(h.quantile(0.6), 127);
  EXPECT_EQ(h.quantile(0.8), 128);
  EXPECT_GT(h.quantile(1), std::int64_t{1} << 62);
}

TEST(Histogram, NoQuantileIsAboveTheLargestValue) {
  Histogram h;
  h.add(1'000'001);
  EXPECT_LE(h.quantile(0.99), 1'000'001);
}

TEST(Histogram, AnEmptyOneSaysZero) {
  Histogram h;
  EXPECT_EQ(h.quantile(0.5), 0);
  h.add(7);
  h.clear();
  EXPECT_EQ(h.json(), R"({"n":0,"p50_us":0.0,"p90_us":0.0,"p99_us":0.0,"max_us":0.0})");
}

}  // namespace
}  // namespace sluice::load
