#pragma once

#include <memory>
#include <vector>

#include "backends/worker/engine/model_runner.h"
#include "backends/worker/model/transformer.h"

namespace sluice::worker {

// Runs a Transformer with a KV cache and a workspace of fixed size.
class TransformerRunner final : public ModelRunner {
 public:
  struct Limits {
    std::int32_t kv_blocks;
    std::int32_t block_size;
    std::int32_t rows;     // tokens in one step
    std::int32_t outputs;  // rows of a step whose logits are wanted
  };

  // Throws std::bad_alloc if the cache or the workspace does not fit.
  TransformerRunner(std::unique_ptr<Transformer> model, const Limits& limits);

  std::int32_t vocab_size() const override;
  void warm_up(const EngineOptions& options) override;
  void run(const Batch& batch) override;
  void most_probable(std::span<std::int32_t> tokens) override;
  std::span<const float> states(std::size_t count) override;
  std::span<const float> logits(std::size_t output) override;

 private:
  std::unique_ptr<Transformer> model_;
  KvCache cache_;
  Workspace workspace_;
  std::vector<float> row_;
  std::vector<float> states_;  // where the device's memory cannot be read in place
};

}  // namespace sluice::worker
