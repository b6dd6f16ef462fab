#pragma once

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "backends/worker/engine/scheduler.h"

namespace sluice::worker {

inline constexpr std::int32_t kVocab = 100;
inline constexpr std::int32_t kEos = 1;
inline constexpr std::int32_t kWord = 50;

inline EngineOptions small_engine() {
  EngineOptions options;
  options.max_num_seqs = 3;
  options.max_num_batched_tokens = 8;
  options.max_model_len = 64;
  options.block_size = 4;
  options.kv_blocks = 16;
  options.eos_token_ids = {kEos};
  options.prefix_caching = false;  // the prompts below are all alike
  return options;
}

inline std::shared_ptr<const std::vector<std::int32_t>> shared(std::vector<std::int32_t> tokens) {
  return std::make_shared<const std::vector<std::int32_t>>(std::move(tokens));
}

inline Request prompt_of(RequestId id, std::int32_t size, std::int32_t max_tokens = 4) {
  Request request;
  request.id = id;
  request.prompt = shared(std::vector<std::int32_t>(static_cast<std::size_t>(size), 10));
  request.max_tokens = max_tokens;
  return request;
}

inline std::shared_ptr<const SamplingParams> sampling(SamplingParams params) {
  return std::make_shared<const SamplingParams>(std::move(params));
}

// Drives a scheduler by hand and keeps what it delivered, per request.
class Driver {
 public:
  explicit Driver(const EngineOptions& options = small_engine()) : scheduler(options, kVocab) {}

  void add(Request request) { scheduler.add(std::move(request), TimePoint{}); }

  // One step; every output picks `token`. Returns the rows that each sequence of the step had.
  std::vector<std::int32_t> step(std::int32_t token = kWord) {
    now += std::chrono::seconds(1);
    const Batch& batch = scheduler.plan(now);
    std::vector<std::int32_t> rows;
    for (const SequenceRows& sequence : batch.sequences)
      rows.push_back(sequence.rows);
    batched_tokens = batch.tokens.size();
    slots = batch.slots;
    std::vector<OutputResult> results(batch.outputs.size(), OutputResult{token, {}});
    EXPECT_EQ(scheduler.output_uses().size(), batch.outputs.size());
    // A row's state is its position, and one.
    std::vector<float> states;
    for (const std::int32_t row : batch.hidden) {
      states.push_back(static_cast<float>(batch.positions[static_cast<std::size_t>(row)]));
      states.push_back(1);
    }
    states_computed += batch.hidden.size();
    scheduler.complete({results, states}, now, deliveries);
    return rows;
  }

  void run() {
    for (int steps = 0; scheduler.has_work(); ++steps) {
      ASSERT_LT(steps, 10'000) << "it goes on for ever";
      step();
    }
  }

  std::vector<std::int32_t> tokens_of(RequestId id) const {
    std::vector<std::int32_t> tokens;
    for (const Delivery& delivery : deliveries) {
      if (delivery.event.id == id)
        tokens.insert(tokens.end(), delivery.tokens.begin(), delivery.tokens.end());
    }
    return tokens;
  }

  FinishReason finish_of(RequestId id) const {
    FinishReason reason = FinishReason::kNone;
    for (const Delivery& delivery : deliveries) {
      if (delivery.event.id == id) reason = delivery.event.finish;
    }
    return reason;
  }

  Scheduler scheduler;
  std::vector<Delivery> deliveries;
  std::vector<float> embedding_of(RequestId id) const {
    for (const Delivery& delivery : deliveries) {
      if (delivery.event.id == id && !delivery.embedding.empty()) return delivery.embedding;
    }
    return {};
  }

  std::size_t batched_tokens = 0;
  std::size_t states_computed = 0;
  std::vector<std::int32_t> slots;
  TimePoint now{};
};

}  // namespace sluice::worker
