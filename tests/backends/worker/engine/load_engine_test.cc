#include "backends/worker/engine/load_engine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stdexcept>
#include <vector>

#include "backends/worker/device/cpu_device.h"
#include "tests/backends/worker/checkpoint_fixture.h"
#include "tests/backends/worker/engine/recording_sink.h"

namespace sluice::worker {
namespace {

class LoadedCheckpoint : public ::testing::TestWithParam<const char*> {
 protected:
  LoadedEngine load(EngineOptions options) {
    return load_engine(fixture_directory(GetParam()), options, device_, clock_);
  }

  // A prompt of its own for each index, so that a mixed-up cache would show.
  std::vector<std::int32_t> prompt(std::int32_t index) {
    std::vector<std::int32_t> tokens = reference_.prompt;
    tokens.resize(static_cast<std::size_t>(1 + index * 7 % 20));
    tokens[0] = 2 + index;
    return tokens;
  }

  RequestId submit(Engine& engine, std::vector<std::int32_t> tokens, std::int32_t max_tokens) {
    Request request;
    request.id = engine.new_id();
    request.prompt = std::move(tokens);
    request.max_tokens = max_tokens;
    request.ignore_eos = true;
    request.sink = sink_;
    const RequestId id = request.id;
    EXPECT_EQ(engine.submit(std::move(request)), SubmitStatus::kAccepted);
    return id;
  }

  const Reference reference_ = load_reference(GetParam());
  CpuDevice device_;
  SteadyClock clock_;
  std::shared_ptr<RecordingSink> sink_ = std::make_shared<RecordingSink>();
};
INSTANTIATE_TEST_SUITE_P(Checkpoints, LoadedCheckpoint,
                         ::testing::Values("llama_f32", "llama_scaled_bf16", "qwen2_bf16", "qwen3_f16"),
                         [](const auto& test) { return std::string(test.param); });

TEST_P(LoadedCheckpoint, GreedyAnswersEqualTheReference) {
  const LoadedEngine loaded = load({});
  const auto size = static_cast<std::int32_t>(reference_.greedy.size());
  EXPECT_EQ(sink_->wait(submit(*loaded.engine, reference_.prompt, size)).tokens, reference_.greedy);
}

TEST_P(LoadedCheckpoint, AnswersInABatchEqualAnswersAloneTokenForToken) {
  std::vector<std::vector<std::int32_t>> alone;
  {
    const LoadedEngine loaded = load({});
    for (std::int32_t i = 0; i < 12; ++i) {
      alone.push_back(sink_->wait(submit(*loaded.engine, prompt(i), 20 + i)).tokens);
    }
  }
  sink_ = std::make_shared<RecordingSink>();  // the next engine counts its ids from one again
  EngineOptions crowded;
  crowded.max_num_seqs = 5;
  crowded.max_num_batched_tokens = 9;  // chunks that end in the middle of blocks
  crowded.block_size = 4;
  crowded.kv_blocks = 30;  // too little for five at once
  const LoadedEngine loaded = load(crowded);
  std::vector<RequestId> ids;
  for (std::int32_t i = 0; i < 12; ++i)
    ids.push_back(submit(*loaded.engine, prompt(i), 20 + i));
  for (std::size_t i = 0; i < ids.size(); ++i)
    EXPECT_EQ(sink_->wait(ids[i]).tokens, alone[i]) << i;
  EXPECT_EQ(loaded.engine->stats().kv_used_tokens, 0);
}

TEST_P(LoadedCheckpoint, OptionsLeftOpenComeFromTheCheckpoint) {
  const LoadedEngine loaded = load({});
  const EngineOptions& options = loaded.engine->options();
  EXPECT_EQ(options.max_model_len, 128);
  EXPECT_EQ(options.kv_blocks, 32 * 128 / 16);
  EXPECT_THAT(options.eos_token_ids, ::testing::ElementsAre(1));
  EXPECT_EQ(loaded.engine->vocab_size(), 61);
}

TEST_P(LoadedCheckpoint, AContextBeyondTheModelsIsRefused) {
  EngineOptions options;
  options.max_model_len = 129;
  EXPECT_THROW(load(options), std::invalid_argument);
}

TEST_P(LoadedCheckpoint, TheCachesMemoryIsBounded) {
  EngineOptions options;
  options.kv_cache_bytes = 64 << 10;
  const LoadedEngine loaded = load(options);
  const std::int64_t token_bytes = 2 * 2 * loaded.model.kv_size() * 4;
  EXPECT_LE(loaded.engine->stats().kv_capacity_tokens * token_bytes, 64 << 10);
  EXPECT_GT(loaded.engine->stats().kv_capacity_tokens * token_bytes, 48 << 10);
}

}  // namespace
}  // namespace sluice::worker
