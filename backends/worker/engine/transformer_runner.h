#pragma once

#include <memory>

#include "backends/worker/engine/model_runner.h"
#include "backends/worker/model/transformer.h"

namespace sluice::worker {

// Runs a Transformer with a KV cache and a workspace of fixed size, and picks greedily.
class TransformerRunner final : public ModelRunner {
 public:
  struct Limits {
    std::int32_t kv_blocks;
    std::int32_t block_size;
    std::int32_t rows;     // tokens in one step
    std::int32_t outputs;  // sequences in one step
  };

  // Throws std::bad_alloc if the cache or the workspace does not fit.
  TransformerRunner(std::unique_ptr<Transformer> model, const Limits& limits);

  std::int32_t vocab_size() const override;
  void run(const Batch& batch, std::span<const std::span<const std::int32_t>> banned,
           std::span<std::int32_t> picked) override;

 private:
  std::unique_ptr<Transformer> model_;
  KvCache cache_;
  Workspace workspace_;
};

}  // namespace sluice::worker
