#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "backends/worker/engine/model_runner.h"
#include "backends/worker/engine/sampler.h"
#include "backends/worker/engine/scheduler.h"

namespace sluice::worker {

// Makes tokens and logprobs of a step's logits. The logits leave the device only for sequences that want more
// than the most probable token. Not for several threads; `model` must outlive it.
class TokenPicker {
 public:
  explicit TokenPicker(ModelRunner& model) : model_(model), sampler_(model.vocab_size()) {}

  // One result for each of the last step's outputs; valid until the next call.
  std::span<OutputResult> pick(std::span<const OutputUse> uses);

 private:
  ModelRunner& model_;
  Sampler sampler_;
  std::vector<std::int32_t> most_probable_;
  std::vector<OutputResult> results_;
};

}  // namespace sluice::worker
