#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "backends/worker/device/device.h"
#include "backends/worker/model/batch.h"
#include "backends/worker/model/checkpoint.h"
#include "backends/worker/model/config.h"

namespace sluice::worker {

// Keys and values of all cached tokens.
struct KvCache {
  std::vector<std::unique_ptr<KvBlocks>> layers;
};

// Activations of one step. Allocated once for the largest step, so that serving allocates nothing.
struct Workspace {
  std::unique_ptr<Buffer> hidden, normed, queries, keys, values, attended, projected, gate, up, last, logits;
  std::unique_ptr<Buffer> states;  // room for the final hidden states of every row
};

// A decoder of the Llama family (Llama, Qwen2, Qwen3): its weights on a device, and one forward pass for all
// of them. Not thread-safe. `device` must outlive it.
class Transformer {
 public:
  // Takes every tensor of the checkpoint; throws LoadError if one is missing, misshapen or unknown.
  // `positions`: the longest sequence that will be served, at most config.max_positions.
  Transformer(const ModelConfig& config, Checkpoint& checkpoint, std::int64_t positions, Device& device);

  KvCache make_kv_cache(std::int32_t blocks, std::int32_t block_size) const;
  Workspace make_workspace(std::int32_t rows, std::int32_t outputs) const;

  // Computes and caches the batch's tokens and returns the logits, [batch.outputs, vocab_size], in
  // workspace.logits; the hidden states behind the final norm, [batch.hidden, hidden_size], are in
  // workspace.states then. Every position before a sequence's first must be in the cache already.
  Buffer& forward(const Batch& batch, KvCache& cache, Workspace& workspace);

  const ModelConfig& config() const noexcept { return config_; }
  Device& device() const noexcept { return device_; }

 private:
  struct Linear {
    std::unique_ptr<Matrix> weight;
    std::unique_ptr<Buffer> bias;
  };
  struct Layer {
    std::unique_ptr<Buffer> input_norm, attention_norm, query_norm, key_norm;
    Linear query, key, value, output, gate, up, down;
  };

  Linear load_linear(Checkpoint& checkpoint, const std::string& name, std::int64_t outputs,
                     std::int64_t inputs, bool bias) const;
  std::unique_ptr<Buffer> load_vector(Checkpoint& checkpoint, const std::string& name,
                                      std::int64_t size) const;
  Layer load_layer(Checkpoint& checkpoint, std::int64_t index) const;
  std::unique_ptr<Matrix> load_table(Checkpoint& checkpoint, const std::string& name, MatrixUse use) const;
  void attend(const Layer& layer, const Batch& batch, KvBlocks& cache, Workspace& workspace);
  void take_states(const std::vector<std::int32_t>& rows, const Buffer& hidden, Buffer& out);
  void feed_forward(const Layer& layer, std::size_t rows, Workspace& workspace);
  void apply(const Linear& linear, const Buffer& in, std::size_t rows, Buffer& out);

  ModelConfig config_;
  Device& device_;
  std::unique_ptr<Matrix> embedding_;
  std::vector<Layer> layers_;
  std::unique_ptr<Buffer> final_norm_;
  std::unique_ptr<Matrix> head_;  // absent if the embedding serves as the head
  std::unique_ptr<Buffer> cosines_;
  std::unique_ptr<Buffer> sines_;
};

}  // namespace sluice::worker
