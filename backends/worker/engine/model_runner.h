#pragma once

#include <cstdint>
#include <span>

#include "backends/worker/model/batch.h"

namespace sluice::worker {

// What the engine needs of a model. Tests put a scripted one in its place.
class ModelRunner {
 public:
  virtual ~ModelRunner() = default;

  virtual std::int32_t vocab_size() const = 0;

  // Computes a step and picks the next token of each row in batch.outputs. `banned` has one list per output,
  // of tokens that must not be picked; the lists hold ids of the vocabulary only.
  virtual void run(const Batch& batch, std::span<const std::span<const std::int32_t>> banned,
                   std::span<std::int32_t> picked) = 0;
};

}  // namespace sluice::worker
