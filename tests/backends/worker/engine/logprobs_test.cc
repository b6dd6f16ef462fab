#include "backends/worker/engine/logprobs.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

namespace sluice::worker {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

std::vector<std::int32_t> tokens_of(const TokenLogprobs& logprobs) {
  std::vector<std::int32_t> tokens;
  for (const TokenLogprob& entry : logprobs)
    tokens.push_back(entry.token);
  return tokens;
}

std::vector<std::int32_t> ranks_of(const TokenLogprobs& logprobs) {
  std::vector<std::int32_t> ranks;
  for (const TokenLogprob& entry : logprobs)
    ranks.push_back(entry.rank);
  return ranks;
}

TEST(Logprobs, AreTheLogarithmsOfTheProbabilities) {
  const std::vector<float> logits = {std::log(1.0F), std::log(2.0F), std::log(5.0F), std::log(2.0F)};
  const TokenLogprobs logprobs = top_logprobs(logits, 1, 4);
  EXPECT_THAT(tokens_of(logprobs), ::testing::ElementsAre(1, 2, 1, 3, 0));
  EXPECT_THAT(ranks_of(logprobs), ::testing::ElementsAre(2, 1, 2, 2, 4));
  EXPECT_NEAR(logprobs[0].logprob, std::log(0.2), 1e-6);
  EXPECT_NEAR(logprobs[1].logprob, std::log(0.5), 1e-6);
  EXPECT_NEAR(logprobs[4].logprob, std::log(0.1), 1e-6);
}

TEST(Logprobs, LargeLogitsDoNotOverflowAndImpossibleTokensStayImpossible) {
  const TokenLogprobs logprobs = top_logprobs(std::vector<float>{1000, -kInfinity, 1000}, 1, 1);
  EXPECT_EQ(logprobs[0].logprob, -kInfinity);
  EXPECT_EQ(logprobs[0].rank, 3);
  EXPECT_NEAR(logprobs[1].logprob, std::log(0.5), 1e-6);
}

TEST(Logprobs, OfLogitsThatAreNoNumbersAreNumbersOrMinusInfinity) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  for (const std::vector<float>& logits :
       {std::vector<float>{nan, 1, kInfinity}, std::vector<float>{nan, nan, nan},
        std::vector<float>{-kInfinity, -kInfinity, -kInfinity}}) {
    for (const TokenLogprob& entry : top_logprobs(logits, 0, 3)) {
      EXPECT_FALSE(std::isnan(entry.logprob));
      EXPECT_LE(entry.logprob, 0);
    }
  }
}

TEST(Logprobs, NoMoreThanTheVocabularyAreTold) {
  const std::vector<float> logits = {0, 1};
  EXPECT_THAT(tokens_of(top_logprobs(logits, 0, 20)), ::testing::ElementsAre(0, 1, 0));
  EXPECT_THAT(tokens_of(top_logprobs(logits, 0, 0)), ::testing::ElementsAre(0));
}

TEST(Logprobs, ChosenTokensComeInTheirOwnOrder) {
  const TokenLogprobs logprobs =
      chosen_logprobs(std::vector<float>{0, 1, 2, 3}, 3, std::vector<std::int32_t>{0, 2});
  EXPECT_THAT(tokens_of(logprobs), ::testing::ElementsAre(3, 0, 2));
  EXPECT_THAT(ranks_of(logprobs), ::testing::ElementsAre(1, 4, 2));
}

}  // namespace
}  // namespace sluice::worker
