#include "backends/worker/engine/transformer_runner.h"

#include <utility>

namespace sluice::worker {

TransformerRunner::TransformerRunner(std::unique_ptr<Transformer> model, const Limits& limits)
    : model_(std::move(model)),
      cache_(model_->make_kv_cache(limits.kv_blocks, limits.block_size)),
      workspace_(model_->make_workspace(limits.rows, limits.outputs)) {}

std::int32_t TransformerRunner::vocab_size() const {
  return static_cast<std::int32_t>(model_->config().vocab_size);
}

void TransformerRunner::run(const Batch& batch, std::span<const std::span<const std::int32_t>> banned,
                            std::span<std::int32_t> picked) {
  Buffer& logits = model_->forward(batch, cache_, workspace_);
  const auto vocab = static_cast<std::size_t>(model_->config().vocab_size);
  Device& device = model_->device();
  for (std::size_t i = 0; i < banned.size(); ++i) {
    if (!banned[i].empty()) device.mask(logits, i, vocab, banned[i]);
  }
  device.argmax(logits, batch.outputs.size(), vocab, picked);
}

}  // namespace sluice::worker
