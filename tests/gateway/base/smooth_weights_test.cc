#include "gateway/base/smooth_weights.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <random>
#include <vector>

namespace sluice {
namespace {

// The largest amount by which any target's count differs from its share in any run of consecutive choices,
// in choices: the spread of the running difference, since a run is the difference of two prefixes.
double worst_deviation(const std::vector<std::uint32_t>& weights, int choices) {
  SmoothWeights smooth(weights);
  const double total = std::accumulate(weights.begin(), weights.end(), 0.0);
  std::vector<int> counts(weights.size());
  std::vector<double> lowest(weights.size());
  std::vector<double> highest(weights.size());
  for (int n = 1; n <= choices; ++n) {
    ++counts[smooth.next()];
    for (std::size_t i = 0; i < weights.size(); ++i) {
      const double ahead = counts[i] - n * weights[i] / total;
      lowest[i] = std::min(lowest[i], ahead);
      highest[i] = std::max(highest[i], ahead);
    }
  }
  double worst = 0;
  for (std::size_t i = 0; i < weights.size(); ++i)
    worst = std::max(worst, highest[i] - lowest[i]);
  return worst;
}

TEST(SmoothWeightsTest, EveryTargetStaysWithinTwoOfItsShareInAnyRunOfChoices) {
  std::mt19937 dice(7);
  for (int round = 0; round < 400; ++round) {
    const std::size_t targets = 1 + dice() % 12;
    const std::uint32_t most = round % 3 == 0 ? 3 : (round % 3 == 1 ? 100 : 100'000);
    std::vector<std::uint32_t> weights(targets);
    for (std::uint32_t& w : weights)
      w = dice() % (most + 1);
    weights[dice() % targets] += 1;
    EXPECT_LE(worst_deviation(weights, 1000), 2.0) << ::testing::PrintToString(weights);
  }
}

TEST(SmoothWeightsTest, AHeavyTargetAmongManyLightOnesStaysWithinTwoToo) {
  for (const std::size_t light : {1u, 5u, 50u, 200u}) {
    std::vector<std::uint32_t> weights(light, 1);
    weights.push_back(1000);
    EXPECT_LE(worst_deviation(weights, 5000), 2.0) << light;
  }
}

TEST(SmoothWeightsTest, ATargetOfWeightZeroIsNeverChosen) {
  SmoothWeights smooth({0, 3, 0, 1, 0});
  std::vector<int> counts(5);
  for (int i = 0; i < 400; ++i)
    ++counts[smooth.next()];
  EXPECT_EQ(counts, (std::vector<int>{0, 300, 0, 100, 0}));
}

TEST(SmoothWeightsTest, EqualTargetsAlternateAndTiesGoToTheFirst) {
  SmoothWeights smooth({5, 5, 5});
  std::vector<std::size_t> chosen(6);
  std::ranges::generate(chosen, [&] { return smooth.next(); });
  EXPECT_EQ(chosen, (std::vector<std::size_t>{0, 1, 2, 0, 1, 2}));
}

TEST(SmoothWeightsTest, AHeavyTargetIsInterleavedAndNotServedInABurst) {
  SmoothWeights smooth({5, 1, 1});
  std::vector<std::size_t> chosen(7);
  std::ranges::generate(chosen, [&] { return smooth.next(); });
  EXPECT_EQ(chosen, (std::vector<std::size_t>{0, 0, 1, 0, 2, 0, 0}));
}

TEST(SmoothWeightsTest, OneTargetIsAlwaysChosenAndTheLargestWeightsDoNotOverflow) {
  SmoothWeights one({7});
  SmoothWeights large({4294967295u, 4294967295u});
  for (int i = 0; i < 1000; ++i) {
    EXPECT_EQ(one.next(), 0u);
    EXPECT_EQ(large.next(), static_cast<std::size_t>(i % 2));
  }
}

}  // namespace
}  // namespace sluice
