#include "gateway/proxy/trace_sampler.h"

#include <gtest/gtest.h>

#include "gateway/runtime/random.h"

namespace sluice {
namespace {

std::uint32_t sampled_of_100_000(TraceSampler sampler) {
  Random random(3);
  std::uint32_t sampled = 0;
  for (int i = 0; i < 100'000; ++i)
    sampled += sampler.samples(random.next()) ? 1 : 0;
  return sampled;
}

TEST(TraceSamplerTest, SamplesTheShareThatItWasGiven) {
  EXPECT_EQ(sampled_of_100_000(TraceSampler()), 0u);
  EXPECT_EQ(sampled_of_100_000(TraceSampler(0)), 0u);
  EXPECT_EQ(sampled_of_100_000(TraceSampler(1'000'000)), 100'000u);
  EXPECT_NEAR(sampled_of_100_000(TraceSampler(10'000)), 1'000, 100);
  EXPECT_NEAR(sampled_of_100_000(TraceSampler(500'000)), 50'000, 500);
}

TEST(TraceSamplerTest, DecidesByTheLast56BitsAsOtherServicesDo) {
  const TraceSampler half(500'000);
  EXPECT_TRUE(half.samples(0x0080000000000000));
  EXPECT_FALSE(half.samples(0x007fffffffffffff));
  EXPECT_FALSE(half.samples(0xff7fffffffffffff));
}

TEST(TraceSamplerTest, ATraceOfASmallShareIsInEveryLargerOne) {
  Random random(4);
  for (int i = 0; i < 10'000; ++i) {
    const std::uint64_t id = random.next();
    if (TraceSampler(100'000).samples(id)) EXPECT_TRUE(TraceSampler(200'000).samples(id));
  }
}

}  // namespace
}  // namespace sluice
