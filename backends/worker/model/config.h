#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::worker {

enum class RopeScaling { kNone, kLinear, kLlama3 };

// How positions become rotation frequencies.
struct RopeConfig {
  double theta = 10000.0;
  RopeScaling scaling = RopeScaling::kNone;
  double factor = 1.0;
  // kLlama3 only: frequencies whose wavelength is above original/low are divided by factor, below
  // original/high kept, and interpolated in between.
  double low_frequency_factor = 1.0;
  double high_frequency_factor = 4.0;
  double original_positions = 8192.0;
};

// What a checkpoint's config.json says about a decoder of the Llama family (Llama, Qwen2, Qwen3).
struct ModelConfig {
  std::string architecture;
  std::int64_t vocab_size = 0;
  std::int64_t hidden_size = 0;
  std::int64_t intermediate_size = 0;
  std::int64_t layers = 0;
  std::int64_t heads = 0;
  std::int64_t kv_heads = 0;
  std::int64_t head_dim = 0;
  std::int64_t max_positions = 0;
  double rms_norm_eps = 1e-6;
  RopeConfig rope;
  bool tied_embeddings = false;
  bool qkv_bias = false;     // Qwen2, and Llama with attention_bias
  bool output_bias = false;  // Llama with attention_bias
  bool mlp_bias = false;     // Llama with mlp_bias
  bool head_norms = false;   // Qwen3: RMSNorm of each query and key head
  std::string dtype;         // what the checkpoint was saved in, for information
  std::vector<std::int32_t> eos_token_ids;
  bool is_matryoshka = false;                       // trained to have its embeddings cut
  std::vector<std::int64_t> matryoshka_dimensions;  // to these only, if not empty

  std::int64_t query_size() const noexcept { return heads * head_dim; }
  std::int64_t kv_size() const noexcept { return kv_heads * head_dim; }
};

// Reads the text of a config.json; `file` names it in messages. Throws LoadError on malformed JSON, on sizes
// that contradict each other, and by name on what would make the answers wrong: another architecture,
// experts, sliding window attention, quantised weights, an unknown rope type or activation.
ModelConfig parse_model_config(std::string_view json, const std::string& file);

// Reads DIRECTORY/config.json.
ModelConfig load_model_config(const std::filesystem::path& directory);

}  // namespace sluice::worker
