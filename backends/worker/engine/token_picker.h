#pragma once

#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "backends/worker/engine/model_runner.h"
#include "backends/worker/engine/sampler.h"
#include "backends/worker/engine/scheduler.h"

namespace sluice::worker {

// Makes tokens and logprobs of a step's logits. The logits leave the device only for sequences that want more
// than the most probable token. Not for several threads; `model` must outlive it.
class TokenPicker {
 public:
  // `eos_token_ids`: of the vocabulary.
  TokenPicker(ModelRunner& model, std::vector<std::int32_t> eos_token_ids)
      : model_(model), eos_token_ids_(std::move(eos_token_ids)), sampler_(model.vocab_size()) {}

  // One result for each of the last step's outputs; valid until the next call.
  std::span<OutputResult> pick(std::span<const OutputUse> uses);

 private:
  std::span<const std::int32_t> banned(const Sequence& sequence);

  ModelRunner& model_;
  const std::vector<std::int32_t> eos_token_ids_;
  std::vector<std::int32_t> banned_;
  Sampler sampler_;
  std::vector<std::int32_t> most_probable_;
  std::vector<OutputResult> results_;
};

}  // namespace sluice::worker
