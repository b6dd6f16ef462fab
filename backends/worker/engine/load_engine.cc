#include "backends/worker/engine/load_engine.h"

#include <algorithm>
#include <limits>
#include <stdexcept>
#include <string>
#include <utility>

#include "backends/worker/engine/transformer_runner.h"

namespace sluice::worker {
namespace {

std::int32_t derived_blocks(const EngineOptions& options, const ModelConfig& model, Precision precision) {
  const std::int64_t value_bytes = precision == Precision::kFloat32 ? 4 : 2;
  const std::int64_t token_bytes = 2 * model.layers * model.kv_size() * value_bytes;
  const std::int64_t affordable = options.kv_cache_bytes / (token_bytes * options.block_size);
  const std::int64_t per_sequence = (options.max_model_len + options.block_size - 1) / options.block_size;
  const std::int64_t wanted = per_sequence * options.max_num_seqs;
  const std::int64_t most =
      std::numeric_limits<std::int32_t>::max() / options.block_size;  // slots are 32 bits
  return static_cast<std::int32_t>(std::max<std::int64_t>(1, std::min({affordable, wanted, most})));
}

void fill_in(EngineOptions& options, const ModelConfig& model, const GenerationConfig& generation,
             Precision precision) {
  if (options.max_model_len == 0) options.max_model_len = static_cast<std::int32_t>(model.max_positions);
  if (options.max_model_len > model.max_positions) {
    throw std::invalid_argument("max_model_len " + std::to_string(options.max_model_len) +
                                " is above the model's " + std::to_string(model.max_positions));
  }
  if (options.block_size < 1 || options.max_num_seqs < 1) {
    throw std::invalid_argument("block_size and max_num_seqs must be at least one");
  }
  if (options.kv_blocks == 0) options.kv_blocks = derived_blocks(options, model, precision);
  if (!options.eos_token_ids.empty()) return;
  options.eos_token_ids = model.eos_token_ids;
  for (const std::int32_t id : generation.eos_token_ids) {
    const auto& known = options.eos_token_ids;
    if (id < model.vocab_size && std::find(known.begin(), known.end(), id) == known.end()) {
      options.eos_token_ids.push_back(id);
    }
  }
}

}  // namespace

LoadedEngine load_engine(const std::filesystem::path& directory, EngineOptions options, Device& device,
                         Clock& clock, const LoadHooks& hooks) {
  LoadedEngine loaded;
  loaded.model = load_model_config(directory);
  loaded.generation = load_generation_config(directory);
  fill_in(options, loaded.model, loaded.generation, device.precision());
  Checkpoint checkpoint(directory, hooks.progress);
  auto model = std::make_unique<Transformer>(loaded.model, checkpoint, options.max_model_len, device);
  std::unique_ptr<ModelRunner> runner = std::make_unique<TransformerRunner>(
      std::move(model),
      TransformerRunner::Limits{options.kv_blocks, options.block_size, options.max_num_batched_tokens,
                                options.max_num_seqs + Scheduler::kPromptLogprobRows});
  if (hooks.wrap) runner = hooks.wrap(std::move(runner));
  loaded.engine = std::make_unique<Engine>(std::move(runner), options, clock);
  return loaded;
}

}  // namespace sluice::worker
