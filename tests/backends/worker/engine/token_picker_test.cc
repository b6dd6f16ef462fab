#include "backends/worker/engine/token_picker.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

namespace sluice::worker {
namespace {

using Tokens = std::vector<std::int32_t>;

// Has the same logits for every output, and counts how often somebody looked at them.
class FixedLogits final : public ModelRunner {
 public:
  std::int32_t vocab_size() const override { return static_cast<std::int32_t>(values.size()); }
  void run(const Batch&) override {}
  void most_probable(std::span<std::int32_t> tokens) override {
    std::ranges::fill(tokens, static_cast<std::int32_t>(std::ranges::max_element(values) - values.begin()));
  }
  std::span<const float> states(std::size_t) override { return {}; }
  std::span<const float> logits(std::size_t) override {
    ++looks;
    return values;
  }

  std::vector<float> values = {0, 3, 2, 1};
  int looks = 0;
};

class TokenPickerTest : public ::testing::Test {
 protected:
  TokenPickerTest() {
    sequence_.tokens = {0, 1, 2};
    sequence_.prompt_size = 3;
    sequence_.seed = 7;
  }

  OutputResult pick(bool picks = true, std::int32_t position = 2) {
    const OutputUse use{&sequence_, picks, position};
    return picker_.pick(std::span(&use, 1))[0];
  }

  void sample(SamplingParams params) {
    sequence_.request.sampling = std::make_shared<const SamplingParams>(std::move(params));
  }

  FixedLogits model_;
  TokenPicker picker_{model_, {1}};
  Sequence sequence_;
};

TEST_F(TokenPickerTest, GreedySequencesLeaveTheLogitsWhereTheyAre) {
  EXPECT_EQ(pick().token, 1);
  EXPECT_EQ(model_.looks, 0);
}

TEST_F(TokenPickerTest, StopTokensAreBannedUntilMinTokensWereGenerated) {
  sequence_.request.min_tokens = 2;
  EXPECT_EQ(pick().token, 2);
  sequence_.tokens.push_back(2);
  EXPECT_EQ(pick().token, 2);
  sequence_.tokens.push_back(2);
  EXPECT_EQ(pick().token, 1);
}

TEST_F(TokenPickerTest, TheRequestsOwnStopTokensAreBannedToo) {
  sequence_.request.min_tokens = 1;
  sample({.stop_token_ids = {2}});
  EXPECT_EQ(pick().token, 3);
  sequence_.request.ignore_eos = true;
  EXPECT_EQ(pick().token, 1);
}

TEST_F(TokenPickerTest, LogprobsAreThoseOfTheUnmodifiedLogits) {
  sample({.logit_bias = {{3, 100}}, .logprobs = 2});
  const OutputResult result = pick();
  EXPECT_EQ(result.token, 3);
  ASSERT_EQ(result.logprobs.size(), 3u);
  EXPECT_EQ(result.logprobs[0].token, 3);
  EXPECT_EQ(result.logprobs[0].rank, 3);
  EXPECT_EQ(result.logprobs[1].token, 1);
  EXPECT_LT(result.logprobs[0].logprob, result.logprobs[2].logprob);
}

TEST_F(TokenPickerTest, NamedTokensReplaceTheMostProbable) {
  sample({.logprobs = 1, .logprob_token_ids = {0, 3}});
  const OutputResult result = pick();
  ASSERT_EQ(result.logprobs.size(), 3u);
  EXPECT_EQ(result.logprobs[1].token, 0);
  EXPECT_EQ(result.logprobs[2].token, 3);
}

TEST_F(TokenPickerTest, ARowOfThePromptTellsOfTheTokenBehindIt) {
  sample({.prompt_logprobs = 1});
  const OutputResult result = pick(false, 0);
  EXPECT_EQ(result.token, 1);
  ASSERT_EQ(result.logprobs.size(), 2u);
  EXPECT_EQ(result.logprobs[0].rank, 1);
}

TEST_F(TokenPickerTest, ASeedFixesTheAnswerAndItsPlaceInItTheDraw) {
  sample({.temperature = 5});
  const auto answer = [this] {
    Tokens tokens;
    for (int i = 0; i < 40; ++i) {
      sequence_.tokens.resize(3 + static_cast<std::size_t>(i), 1);
      tokens.push_back(pick().token);
    }
    return tokens;
  };
  const Tokens first = answer();
  EXPECT_EQ(answer(), first);
  EXPECT_GT(std::ranges::count(first, 0), 0);
  EXPECT_GT(std::ranges::count(first, 1), 0);
  sequence_.seed = 8;
  EXPECT_NE(answer(), first);
}

}  // namespace
}  // namespace sluice::worker
