#include "backends/worker/model/config.h"

#include <cmath>

#include "backends/worker/model/file.h"
#include "backends/worker/model/json.h"

namespace sluice::worker {
namespace {

constexpr std::size_t kLargestFile = 16U << 20;

// Far above any model, low enough that every product of two sizes fits.
constexpr std::int64_t kLargestSize = std::int64_t{1} << 24;

std::int64_t size_member(const JsonObject& json, std::string_view name,
                         std::optional<std::int64_t> otherwise = {}) {
  const auto value = json.integer(name);
  if (!value && !otherwise) json.refuse(std::string(name) + " is missing");
  const std::int64_t size = value.value_or(otherwise.value_or(0));
  if (size < 1 || size > kLargestSize) json.refuse(std::string(name) + " is " + std::to_string(size));
  return size;
}

double positive(const JsonObject& json, std::string_view name, double otherwise) {
  const double value = json.number(name).value_or(otherwise);
  if (!(value > 0) || !std::isfinite(value)) json.refuse(std::string(name) + " is not a positive number");
  return value;
}

void read_architecture(const JsonObject& json, ModelConfig& config) {
  const auto names = json.texts("architectures");
  config.architecture = names.empty() ? "(none)" : names.front();
  if (config.architecture == "LlamaForCausalLM") {
    config.qkv_bias = config.output_bias = json.flag("attention_bias").value_or(false);
    config.mlp_bias = json.flag("mlp_bias").value_or(false);
  } else if (config.architecture == "Qwen2ForCausalLM") {
    config.qkv_bias = true;
  } else if (config.architecture == "Qwen3ForCausalLM") {
    config.qkv_bias = config.output_bias = json.flag("attention_bias").value_or(false);
    config.head_norms = true;
  } else {
    json.refuse("architecture " + config.architecture +
                " is not supported; LlamaForCausalLM, Qwen2ForCausalLM and Qwen3ForCausalLM are");
  }
}

void refuse_unsupported(const JsonObject& json) {
  for (const std::string_view name : {"num_experts", "num_local_experts", "n_routed_experts"}) {
    if (json.integer(name).value_or(0) > 0)
      json.refuse("mixture of experts (" + std::string(name) + ") is not supported");
  }
  if (json.member("quantization_config"))
    json.refuse("quantised weights (quantization_config) are not supported");
  // Qwen writes the window's size but leaves its use off.
  if (json.flag("use_sliding_window").value_or(json.member("sliding_window").has_value())) {
    json.refuse("sliding window attention (sliding_window) is not supported");
  }
  for (const std::string& type : json.texts("layer_types")) {
    if (type != "full_attention") json.refuse("layer type " + type + " is not supported");
  }
  if (const auto activation = json.text("hidden_act").value_or("silu"); activation != "silu") {
    json.refuse("activation " + activation + " is not supported; silu is");
  }
}

void read_sizes(const JsonObject& json, ModelConfig& config) {
  config.vocab_size = size_member(json, "vocab_size");
  config.hidden_size = size_member(json, "hidden_size");
  config.intermediate_size = size_member(json, "intermediate_size");
  config.layers = size_member(json, "num_hidden_layers");
  config.heads = size_member(json, "num_attention_heads");
  config.kv_heads = size_member(json, "num_key_value_heads", config.heads);
  config.max_positions = size_member(json, "max_position_embeddings");
  if (config.heads % config.kv_heads != 0) {
    json.refuse("num_attention_heads is not a multiple of num_key_value_heads");
  }
  if (!json.member("head_dim") && config.hidden_size % config.heads != 0) {
    json.refuse("hidden_size is not a multiple of num_attention_heads");
  }
  config.head_dim = size_member(json, "head_dim", config.hidden_size / config.heads);
  if (config.head_dim % 2 != 0) json.refuse("head_dim is odd; rotary embeddings need pairs");
  if (config.query_size() > kLargestSize) json.refuse("num_attention_heads times head_dim is too large");
}

// Newer files keep theta and scaling together in rope_parameters, older ones in rope_theta and rope_scaling.
void read_rope(const JsonObject& json, ModelConfig& config) {
  const auto parameters = json.object("rope_parameters");
  const auto scaling = parameters ? parameters : json.object("rope_scaling");
  config.rope.theta = positive(parameters ? *parameters : json, "rope_theta", 10000.0);
  if (!scaling) return;
  const std::string type = scaling->text("rope_type").value_or(scaling->text("type").value_or("default"));
  if (type == "default") return;
  config.rope.factor = positive(*scaling, "factor", 1.0);
  if (type == "linear") {
    config.rope.scaling = RopeScaling::kLinear;
  } else if (type == "llama3") {
    config.rope.scaling = RopeScaling::kLlama3;
    config.rope.low_frequency_factor = positive(*scaling, "low_freq_factor", 1.0);
    config.rope.high_frequency_factor = positive(*scaling, "high_freq_factor", 4.0);
    config.rope.original_positions = positive(*scaling, "original_max_position_embeddings", 8192.0);
    if (config.rope.high_frequency_factor <= config.rope.low_frequency_factor) {
      json.refuse("high_freq_factor is not above low_freq_factor");
    }
  } else {
    json.refuse("rope type " + type + " is not supported; default, linear and llama3 are");
  }
}

}  // namespace

ModelConfig parse_model_config(std::string_view text, const std::string& file) {
  simdjson::dom::parser parser;
  const JsonObject json = parse_json(parser, text, file);
  ModelConfig config;
  read_architecture(json, config);
  refuse_unsupported(json);
  read_sizes(json, config);
  read_rope(json, config);
  config.rms_norm_eps = positive(json, "rms_norm_eps", 1e-6);
  config.tied_embeddings = json.flag("tie_word_embeddings").value_or(false);
  config.dtype = json.text("dtype").value_or(json.text("torch_dtype").value_or(""));
  config.is_matryoshka = json.flag("is_matryoshka").value_or(false);
  config.matryoshka_dimensions = json.integers("matryoshka_dimensions");
  for (const std::int64_t id : json.integers("eos_token_id")) {
    if (id >= 0 && id < config.vocab_size) config.eos_token_ids.push_back(static_cast<std::int32_t>(id));
  }
  return config;
}

ModelConfig load_model_config(const std::filesystem::path& directory) {
  const auto path = directory / "config.json";
  return parse_model_config(read_file(path, kLargestFile), path.string());
}

}  // namespace sluice::worker
