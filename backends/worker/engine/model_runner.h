#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "backends/worker/engine/engine_options.h"
#include "backends/worker/model/batch.h"

namespace sluice::worker {

// What the engine needs of a model. Tests put a scripted one in its place. All calls come from the engine's
// thread.
class ModelRunner {
 public:
  virtual ~ModelRunner() = default;

  virtual std::int32_t vocab_size() const = 0;

  // Does what would make the first requests slow. Called once, before the first step.
  virtual void warm_up(const EngineOptions& /*options*/) {}

  // Computes a step. Throws if it cannot: the engine fails then.
  virtual void run(const Batch& batch) = 0;

  // The most probable token of each of the last step's outputs, the lowest id of equals. Found where the
  // logits are.
  virtual void most_probable(std::span<std::int32_t> tokens) = 0;

  // The final hidden states that the last step's batch asked for, `count` rows of them one behind the other;
  // valid until the next run.
  virtual std::span<const float> states(std::size_t count) = 0;

  // The logits of one of the last step's outputs, vocab_size() values; valid until the next call.
  virtual std::span<const float> logits(std::size_t output) = 0;
};

}  // namespace sluice::worker
