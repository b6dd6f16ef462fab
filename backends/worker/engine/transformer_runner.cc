#include "backends/worker/engine/transformer_runner.h"

#include <utility>

#include "backends/worker/engine/warm_up.h"

namespace sluice::worker {

TransformerRunner::TransformerRunner(std::unique_ptr<Transformer> model, const Limits& limits)
    : model_(std::move(model)),
      cache_(model_->make_kv_cache(limits.kv_blocks, limits.block_size)),
      workspace_(model_->make_workspace(limits.rows, limits.outputs)),
      row_(static_cast<std::size_t>(model_->config().vocab_size)) {}

std::int32_t TransformerRunner::vocab_size() const {
  return static_cast<std::int32_t>(row_.size());
}

void TransformerRunner::warm_up(const EngineOptions& options) {
  worker::warm_up(*this, options);
}

void TransformerRunner::run(const Batch& batch) {
  model_->forward(batch, cache_, workspace_);
}

void TransformerRunner::most_probable(std::span<std::int32_t> tokens) {
  model_->device().argmax(*workspace_.logits, tokens.size(), row_.size(), tokens);
}

std::span<const float> TransformerRunner::states(std::size_t count) {
  const std::size_t size = count * static_cast<std::size_t>(model_->config().hidden_size);
  if (const float* all = model_->device().host_view(*workspace_.states)) return {all, size};
  states_.resize(size);
  model_->device().read(*workspace_.states, 0, states_);
  return states_;
}

std::span<const float> TransformerRunner::logits(std::size_t output) {
  const std::size_t offset = output * row_.size();
  if (const float* all = model_->device().host_view(*workspace_.logits)) return {all + offset, row_.size()};
  model_->device().read(*workspace_.logits, offset, row_);
  return row_;
}

}  // namespace sluice::worker
