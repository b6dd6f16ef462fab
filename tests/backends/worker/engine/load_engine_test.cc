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
  LoadedEngine load(const EngineOptions& options) {
    return load_engine(fixture_directory(GetParam()), options, device_, clock_);
  }

  // A prompt of its own for each index, so that a mixed-up cache would show; of three that begin alike each.
  std::vector<std::int32_t> prompt(std::int32_t index) {
    std::vector<std::int32_t> tokens = reference_.prompt;
    tokens.resize(static_cast<std::size_t>(10 + index * 7 % 20), 5);
    tokens[0] = 2 + index / 3;
    tokens.back() = 2 + index;
    return tokens;
  }

  std::vector<std::vector<std::int32_t>> answers(const EngineOptions& options, bool at_once,
                                                 SchedulerStats* stats = nullptr);

  std::vector<std::vector<float>> embeddings(const EngineOptions& options, Pooling pooling, bool at_once,
                                             SchedulerStats* stats = nullptr);

  RequestId submit(Engine& engine, std::vector<std::int32_t> tokens, std::int32_t max_tokens) {
    Request request;
    request.id = engine.new_id();
    request.prompt = std::make_shared<const std::vector<std::int32_t>>(std::move(tokens));
    request.max_tokens = max_tokens;
    request.ignore_eos = true;
    request.sink = sink_;
    const RequestId id = request.id;
    EXPECT_EQ(engine.submit({std::move(request)}), SubmitStatus::kAccepted);
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

// The answers of all prompts under the given options, each asked alone or all at once.
std::vector<std::vector<std::int32_t>> LoadedCheckpoint::answers(const EngineOptions& options, bool at_once,
                                                                 SchedulerStats* stats) {
  sink_ = std::make_shared<RecordingSink>();  // every engine counts its ids from one
  const LoadedEngine loaded = load(options);
  std::vector<RequestId> ids;
  for (std::int32_t i = 0; i < 32; ++i) {
    ids.push_back(submit(*loaded.engine, prompt(i), 20 + i));
    if (!at_once) sink_->wait(ids.back());
  }
  std::vector<std::vector<std::int32_t>> answers;
  for (const RequestId id : ids)
    answers.push_back(sink_->wait(id).tokens);
  EXPECT_EQ(loaded.engine->stats().kv_used_tokens, 0);
  if (stats != nullptr) *stats = loaded.engine->stats().scheduler;
  return answers;
}

TEST_P(LoadedCheckpoint, AnAnswerIsTheSameAloneInABatchInChunksAfterAPreemptionAndBehindACachedPrefix) {
  EngineOptions plain;
  plain.prefix_caching = false;
  const auto alone = answers(plain, false);
  EXPECT_EQ(answers(plain, true), alone) << "32 at once";

  EngineOptions chunked = plain;
  chunked.max_num_seqs = 5;
  chunked.max_num_batched_tokens = 7;  // chunks that end in the middle of blocks
  chunked.block_size = 4;
  EXPECT_EQ(answers(chunked, true), alone) << "in chunks";

  SchedulerStats stats;
  EngineOptions scarce = chunked;
  scarce.kv_blocks = 30;  // two of the longest
  EXPECT_EQ(answers(scarce, true, &stats), alone) << "after preemptions";
  EXPECT_GT(stats.preemptions, 0u);

  EngineOptions cached = scarce;
  cached.prefix_caching = true;
  EXPECT_EQ(answers(cached, true, &stats), alone) << "with preemptions and cached prefixes";
  EXPECT_GT(stats.prefix_hits, 0u);

  EngineOptions roomy;
  roomy.block_size = 4;
  EXPECT_EQ(answers(roomy, false, &stats), alone) << "behind cached prefixes";
  EXPECT_GT(stats.prefix_hits, 0u);
}

// The embeddings of all prompts under the given options, each asked alone or all at once beside answers.
std::vector<std::vector<float>> LoadedCheckpoint::embeddings(const EngineOptions& options, Pooling pooling,
                                                             bool at_once, SchedulerStats* stats) {
  sink_ = std::make_shared<RecordingSink>();
  const LoadedEngine loaded = load(options);
  std::vector<RequestId> ids;
  for (std::int32_t i = 0; i < 32; ++i) {
    if (at_once) submit(*loaded.engine, prompt(i), 45);
    Request request;
    request.id = loaded.engine->new_id();
    request.prompt = std::make_shared<const std::vector<std::int32_t>>(prompt(i));
    request.pooling = pooling;
    request.sink = sink_;
    ids.push_back(request.id);
    EXPECT_EQ(loaded.engine->submit({std::move(request)}), SubmitStatus::kAccepted);
    if (!at_once) sink_->wait(ids.back());
  }
  std::vector<std::vector<float>> embeddings;
  for (const RequestId id : ids)
    embeddings.push_back(sink_->wait(id).embedding);
  if (stats != nullptr) *stats = loaded.engine->stats().scheduler;
  return embeddings;
}

TEST_P(LoadedCheckpoint, AnEmbeddingIsTheSameAloneAndInChunksBesideAnswersThatTakeItsPlace) {
  EngineOptions plain;
  plain.prefix_caching = false;
  EngineOptions busy;
  busy.max_num_seqs = 5;
  busy.max_num_batched_tokens = 7;
  busy.block_size = 4;
  busy.kv_blocks = 20;
  for (const Pooling pooling : {Pooling::kLast, Pooling::kMean}) {
    const auto alone = embeddings(plain, pooling, false);
    ASSERT_THAT(alone, ::testing::Each(::testing::SizeIs(load({}).model.hidden_size)));
    SchedulerStats stats;
    EXPECT_EQ(embeddings(busy, pooling, true, &stats), alone);
    EXPECT_GT(stats.preemptions, 0u);
    EXPECT_GT(stats.prefix_hits, 0u);
  }
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
