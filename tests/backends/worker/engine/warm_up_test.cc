#include "backends/worker/engine/warm_up.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

namespace sluice::worker {
namespace {

using ::testing::ElementsAre;

class RecordingModel final : public ModelRunner {
 public:
  struct Step {
    std::vector<std::int32_t> positions, slots, outputs, hidden, blocks;
    std::int32_t first_position;
  };
  std::int32_t vocab_size() const override { return 10; }
  void run(const Batch& batch) override {
    ASSERT_EQ(batch.sequences.size(), 1u);
    const SequenceRows& sequence = batch.sequences.front();
    ASSERT_EQ(static_cast<std::size_t>(sequence.rows), batch.tokens.size());
    steps.push_back({batch.positions,
                     batch.slots,
                     batch.outputs,
                     batch.hidden,
                     {sequence.blocks.begin(), sequence.blocks.end()},
                     sequence.first_position});
  }
  void most_probable(std::span<std::int32_t>) override {}
  std::span<const float> states(std::size_t) override { return {}; }
  std::span<const float> logits(std::size_t) override { return {}; }

  std::vector<Step> steps;
};

struct Sizes {
  std::int32_t context, batched, blocks, block_size;
  std::size_t rows, steps;
};

class WarmUp : public ::testing::TestWithParam<Sizes> {};

TEST_P(WarmUp, ComputesAPromptAndATokenWithinTheContextTheStepAndTheCache) {
  EngineOptions options;
  options.max_model_len = GetParam().context;
  options.max_num_batched_tokens = GetParam().batched;
  options.kv_blocks = GetParam().blocks;
  options.block_size = GetParam().block_size;
  RecordingModel model;
  warm_up(model, options);
  ASSERT_EQ(model.steps.size(), GetParam().steps);
  EXPECT_EQ(model.steps.front().positions.size(), GetParam().rows);
  std::int32_t next = 0;
  for (const RecordingModel::Step& step : model.steps) {
    EXPECT_EQ(step.first_position, next);
    EXPECT_THAT(step.outputs, ElementsAre(step.positions.size() - 1));
    EXPECT_EQ(step.hidden, step.outputs);
    for (std::size_t row = 0; row < step.positions.size(); ++row, ++next) {
      EXPECT_EQ(step.positions[row], next);
      ASSERT_LT(static_cast<std::size_t>(next / options.block_size), step.blocks.size());
      const std::int32_t block = step.blocks[static_cast<std::size_t>(next / options.block_size)];
      EXPECT_LT(block, options.kv_blocks);
      EXPECT_EQ(step.slots[row], block * options.block_size + next % options.block_size);
    }
  }
  EXPECT_LE(next, options.max_model_len);
}

INSTANTIATE_TEST_SUITE_P(Sizes, WarmUp,
                         ::testing::Values(Sizes{2048, 512, 100, 16, 64, 2},  // the end of a block
                                           Sizes{2048, 7, 100, 16, 7, 2}, Sizes{2048, 512, 1, 4, 4, 1},
                                           Sizes{2048, 512, 2, 4, 8, 1}, Sizes{2048, 6, 2, 4, 6, 2},
                                           Sizes{2, 512, 9, 16, 2, 1}, Sizes{2, 1, 1, 2, 1, 2}));

}  // namespace
}  // namespace sluice::worker
