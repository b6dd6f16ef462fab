#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

namespace sluice::worker {

// Sizes of a Llama-like model.
struct ModelSizes {
  std::int64_t layers, hidden, heads, kv_heads, inner, vocab;
};

// "tiny" (7 M parameters) or "mid" (125 M). Throws std::invalid_argument.
ModelSizes sizes_of(const std::string& name);

// Writes a bf16 checkpoint of random weights, config.json and model.safetensors, into an existing folder.
// Weights are scaled so that activations neither vanish nor explode: denormals would slow the arithmetic
// down.
void write_random_checkpoint(const std::filesystem::path& folder, const ModelSizes& sizes);

}  // namespace sluice::worker
