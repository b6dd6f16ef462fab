#include "backends/worker/engine/sampler.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <map>
#include <vector>

#include "backends/worker/engine/random_draw.h"

namespace sluice::worker {
namespace {

using Tokens = std::vector<std::int32_t>;
using ::testing::UnorderedElementsAre;

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();

// Probabilities 0.5, 0.25, 0.125, 0.0625, 0.0625 of tokens 3, 1, 4, 0, 2.
const std::vector<float> kLogits = {std::log(1.0F), std::log(4.0F), std::log(1.0F), std::log(8.0F),
                                    std::log(2.0F)};

std::int32_t pick(const SamplingParams& params, const SamplingContext& context = {},
                  const std::vector<float>& logits = kLogits) {
  Sampler sampler(static_cast<std::int32_t>(logits.size()));
  return sampler.pick(logits, params, context);
}

// How often each token is picked by draws that cover [0, 1) evenly.
std::map<std::int32_t, double> shares(const SamplingParams& params,
                                      const std::vector<float>& logits = kLogits) {
  constexpr int kDraws = 4096;
  Sampler sampler(static_cast<std::int32_t>(logits.size()));
  std::map<std::int32_t, double> shares;
  for (int i = 0; i < kDraws; ++i)
    shares[sampler.pick(logits, params, {.draw = (i + 0.5) / kDraws})] += 1.0 / kDraws;
  return shares;
}

Tokens possible(const SamplingParams& params, const std::vector<float>& logits = kLogits) {
  Tokens tokens;
  for (const auto& [token, share] : shares(params, logits))
    tokens.push_back(token);
  return tokens;
}

SamplingParams hot() {
  SamplingParams params;
  params.temperature = 1;
  return params;
}

TEST(Sampler, WithoutTemperatureItIsTheMostProbableTokenWhateverElseIsSet) {
  SamplingParams params;
  params.top_k = 2;
  params.min_p = 0.9F;
  params.top_p = 0.1F;
  EXPECT_EQ(pick(params, {.draw = 0.99}), 3);
  EXPECT_EQ(pick({}, {}, {1, 2, 2}), 1) << "the lowest id of equals";
}

TEST(Sampler, DrawsFollowTheProbabilities) {
  const auto found = shares(hot());
  EXPECT_NEAR(found.at(3), 0.5, 0.001);
  EXPECT_NEAR(found.at(1), 0.25, 0.001);
  EXPECT_NEAR(found.at(4), 0.125, 0.001);
  EXPECT_NEAR(found.at(0), 0.0625, 0.001);
}

TEST(Sampler, TemperatureSharpensAndFlattens) {
  SamplingParams params = hot();
  params.temperature = 0.5F;  // squares: 64, 16, 4, 1, 1 of 86
  EXPECT_NEAR(shares(params).at(3), 64.0 / 86, 0.001);
  params.temperature = 2;
  EXPECT_NEAR(shares(params).at(3), std::sqrt(8.0) / (2 + 2 + std::sqrt(2.0) + std::sqrt(8.0)), 0.001);
  params.temperature = 0.00002F;  // raised to 0.01
  EXPECT_THAT(possible(params), UnorderedElementsAre(3));
}

TEST(Sampler, TopKKeepsThatMany) {
  SamplingParams params = hot();
  params.top_k = 2;
  EXPECT_THAT(possible(params), UnorderedElementsAre(3, 1));
  EXPECT_NEAR(shares(params).at(3), 2.0 / 3, 0.001);
  params.top_k = 4;
  EXPECT_THAT(possible(params), UnorderedElementsAre(3, 1, 4, 0)) << "the lower id of equals";
  params.top_k = 100;
  EXPECT_EQ(possible(params).size(), 5u);
}

TEST(Sampler, TopPKeepsTheFewestThatReachIt) {
  SamplingParams params = hot();
  params.top_p = 0.5F;
  EXPECT_THAT(possible(params), UnorderedElementsAre(3));
  params.top_p = 0.51F;
  EXPECT_THAT(possible(params), UnorderedElementsAre(3, 1));
  params.top_p = 1e-6F;
  EXPECT_THAT(possible(params), UnorderedElementsAre(3)) << "never none";
}

TEST(Sampler, TopPCountsWhatTopKLeft) {
  SamplingParams params = hot();
  params.top_k = 2;  // 2/3 and 1/3
  params.top_p = 0.6F;
  EXPECT_THAT(possible(params), UnorderedElementsAre(3));
}

TEST(Sampler, TopPFindsItsTokensAmongManyToo) {
  std::vector<float> logits(5000, 0);
  for (std::size_t i = 0; i < 1000; ++i)
    logits[5 * i] = 10;  // 1,000 tokens with all but 0.0002 of the probability
  SamplingParams params = hot();
  params.top_p = 0.5F;
  Sampler sampler(5000);
  for (const double draw : {0.0, 0.3, 0.999999}) {
    const std::int32_t token = sampler.pick(logits, params, {.draw = draw});
    EXPECT_EQ(token % 5, 0);
    EXPECT_LT(token, 2510) << "the lower half of equals";
  }
}

TEST(Sampler, MinPLeavesOutWhatIsFarBelowTheMostProbable) {
  SamplingParams params = hot();
  params.min_p = 0.25F;
  EXPECT_THAT(possible(params), UnorderedElementsAre(3, 1, 4));
  params.min_p = 1;
  EXPECT_THAT(possible(params), UnorderedElementsAre(3));
}

TEST(Sampler, OnlyAllowedTokensArePicked) {
  SamplingParams params;
  params.allowed_token_ids = {0, 4};
  EXPECT_EQ(pick(params), 4);
  params.temperature = 1;
  EXPECT_THAT(possible(params), UnorderedElementsAre(0, 4));
}

TEST(Sampler, ABadWordIsNotCompleted) {
  SamplingParams params;
  params.bad_words = {{1, 3}, {4}};
  const Tokens tokens = {1, 1};
  EXPECT_EQ(pick(params, {.tokens = tokens, .prompt_size = 1}), 1);
  // What the prompt begins is not the answer's word.
  EXPECT_EQ(pick(params, {.tokens = tokens, .prompt_size = 2}), 3);
  const Tokens other = {1, 0};
  EXPECT_EQ(pick(params, {.tokens = other, .prompt_size = 0}), 3);
  params.bad_words = {{3}};
  EXPECT_EQ(pick(params), 1);
}

TEST(Sampler, BannedTokensAreNotPicked) {
  const Tokens banned = {3, 1};
  EXPECT_EQ(pick({}, {.banned = banned}), 4);
}

TEST(Sampler, ABiasComesAfterTheBans) {
  SamplingParams params;
  params.logit_bias = {{0, 100}, {3, 100}};
  params.allowed_token_ids = {1, 3};
  EXPECT_EQ(pick(params), 3);
  params.logit_bias = {{3, -100}};
  EXPECT_EQ(pick(params), 1);
}

TEST(Sampler, RepetitionDividesPositiveAndMultipliesNegativeLogitsOnceForPromptAndAnswer) {
  SamplingParams params;
  params.repetition_penalty = 2;
  const Tokens tokens = {0, 0, 1};
  const SamplingContext context{.tokens = tokens, .prompt_size = 1};
  EXPECT_EQ(pick(params, context, {4.0F, 1.0F, 1.9F}), 0);
  EXPECT_EQ(pick(params, context, {4.0F, 1.0F, 2.1F}), 2);
  EXPECT_EQ(pick(params, context, {-1.0F, -9.0F, -1.9F}), 2);
  EXPECT_EQ(pick(params, context, {-1.0F, -9.0F, -2.1F}), 0);
}

TEST(Sampler, FrequencyCountsAndPresenceSeesTheAnswerOnly) {
  SamplingParams params;
  params.frequency_penalty = 1;
  const Tokens tokens = {0, 0, 0, 1, 1};
  const SamplingContext context{.tokens = tokens, .prompt_size = 2};  // once 0, twice 1
  EXPECT_EQ(pick(params, context, {3.0F, 3.9F, 1.9F}), 0);
  EXPECT_EQ(pick(params, context, {3.0F, 4.1F, 1.9F}), 1);
  params.frequency_penalty = 0;
  params.presence_penalty = 1;
  EXPECT_EQ(pick(params, context, {3.0F, 3.1F, 1.9F}), 1);
  params.presence_penalty = -1;
  EXPECT_EQ(pick(params, context, {1.0F, 0.5F, 1.9F}), 0);
}

TEST(Sampler, PenaltiesOfOneCallDoNotReachTheNext) {
  Sampler sampler(3);
  SamplingParams params;
  params.repetition_penalty = 2;
  params.frequency_penalty = 1;
  params.allowed_token_ids = {0, 1};
  const Tokens tokens = {0, 1};
  const std::vector<float> logits = {3, 3.5F, 3.6F};
  EXPECT_EQ(sampler.pick(logits, params, {.tokens = tokens, .prompt_size = 0}), 1);
  EXPECT_EQ(sampler.pick(logits, {}, {.tokens = tokens, .prompt_size = 0}), 2);
  EXPECT_EQ(sampler.pick(logits, params, {}), 1);
}

TEST(Sampler, AModelThatAnswersNonsenseStillYieldsAToken) {
  EXPECT_EQ(pick({}, {}, {kNan, 1, kNan}), 1);
  EXPECT_EQ(pick(hot(), {.draw = 0.9}, {kNan, 1, kNan}), 1);
  const std::int32_t token = pick(hot(), {.draw = 0.9}, {kNan, kNan, kNan});
  EXPECT_TRUE(token >= 0 && token < 3);
  EXPECT_EQ(pick(hot(), {.draw = 0.9}, {-kInfinity, 0, -kInfinity}), 1);
  SamplingParams params;  // all that is allowed is banned
  params.allowed_token_ids = {1};
  const Tokens banned = {1};
  EXPECT_EQ(pick(params, {.banned = banned}), 3);
}

// Whatever the parameters, a token of the vocabulary that was not ruled out comes back.
TEST(Sampler, ParametersAtAndBeyondTheEndsOfTheirRangesStillYieldAPossibleToken) {
  constexpr float kTiny = std::numeric_limits<float>::denorm_min();
  constexpr float kHuge = std::numeric_limits<float>::max();
  const Tokens tokens = {3, 1, 0};
  for (const float top_p : {0.0F, kTiny, 1e-6F, 0.5F, 1.0F, kNan}) {
    for (const float penalty : {0.0F, kTiny, 1e-39F, 1.0F, 1e37F, kHuge, kInfinity}) {
      for (const float bias : {0.0F, -100.0F, kHuge, -kHuge, kInfinity, -kInfinity, kNan}) {
        for (const std::int32_t top_k : {0, 1, 3}) {
          for (const float temperature : {0.0F, kTiny, 0.01F, 1.0F, 2.0F}) {
            SamplingParams params;
            params.temperature = temperature;
            params.top_p = top_p;
            params.top_k = top_k;
            params.min_p = top_p;
            params.repetition_penalty = penalty;
            params.logit_bias = {{1, bias}, {4, bias}};
            params.allowed_token_ids = {1, 2, 3, 4};
            for (const std::vector<float>& logits : {kLogits, std::vector<float>{-5, -1, -3, -2, -4},
                                                     std::vector<float>{kHuge, kHuge, 0, -kHuge, 1}}) {
              const std::int32_t token =
                  pick(params, {.tokens = tokens, .prompt_size = 1, .draw = 0.999}, logits);
              ASSERT_TRUE(token >= 1 && token <= 4) << token << " top_p " << top_p << " penalty " << penalty
                                                    << " bias " << bias << " top_k " << top_k;
            }
          }
        }
      }
    }
  }
}

TEST(RandomDraw, IsUniformAndDependsOnSeedAndIndexOnly) {
  double sum = 0;
  int low = 0;
  for (std::uint64_t i = 0; i < 10'000; ++i) {
    const double draw = random_draw(42, i);
    ASSERT_TRUE(draw >= 0 && draw < 1);
    sum += draw;
    low += draw < 0.1;
  }
  EXPECT_NEAR(sum / 10'000, 0.5, 0.01);
  EXPECT_NEAR(low / 10'000.0, 0.1, 0.01);
  EXPECT_EQ(random_draw(42, 7), random_draw(42, 7));
  EXPECT_NE(random_draw(42, 7), random_draw(43, 7));
  EXPECT_NE(random_draw(42, 7), random_draw(43, 6)) << "neighbouring seeds are not one sequence, shifted";
}

}  // namespace
}  // namespace sluice::worker
