#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "backends/worker/model/config.h"
#include "backends/worker/model/load_error.h"

using sluice::worker::ModelConfig;

namespace {

// What the code behind relies on when it computes sizes from a configuration.
bool is_sound(const ModelConfig& config) {
  constexpr std::int64_t kLargest = std::int64_t{1} << 24;
  for (const std::int64_t size :
       {config.vocab_size, config.hidden_size, config.intermediate_size, config.layers, config.heads,
        config.kv_heads, config.head_dim, config.max_positions, config.query_size(), config.kv_size()}) {
    if (size < 1 || size > kLargest) return false;
  }
  for (const std::int32_t token : config.eos_token_ids) {
    if (token < 0 || token >= config.vocab_size) return false;
  }
  return config.heads % config.kv_heads == 0 && config.head_dim % 2 == 0 && config.rms_norm_eps > 0 &&
         config.rope.theta > 0 && std::isfinite(config.rope.theta) && config.rope.factor > 0;
}

}  // namespace

// Any bytes as a config.json: refused with the file's name, or sizes that fit together.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  try {
    const std::string_view json(reinterpret_cast<const char*>(bytes), size);
    if (!is_sound(sluice::worker::parse_model_config(json, "config.json"))) std::abort();
  } catch (const sluice::worker::LoadError& refusal) {
    if (!std::string_view(refusal.what()).starts_with("config.json: ")) std::abort();
  }
  return 0;
}
