#include "backends/worker/model/generation_config.h"

#include <limits>

#include "backends/worker/model/file.h"
#include "backends/worker/model/json.h"

namespace sluice::worker {
namespace {

constexpr std::size_t kLargestFile = 1U << 20;

}  // namespace

GenerationConfig parse_generation_config(std::string_view text, const std::string& file) {
  simdjson::dom::parser parser;
  const JsonObject json = parse_json(parser, text, file);
  GenerationConfig config;
  for (const std::int64_t id : json.integers("eos_token_id")) {
    if (id < 0 || id > std::numeric_limits<std::int32_t>::max()) json.refuse("eos_token_id is no token id");
    config.eos_token_ids.push_back(static_cast<std::int32_t>(id));
  }
  config.temperature = json.number("temperature");
  config.top_p = json.number("top_p");
  config.min_p = json.number("min_p");
  config.repetition_penalty = json.number("repetition_penalty");
  config.top_k = json.integer("top_k");
  config.max_new_tokens = json.integer("max_new_tokens");
  return config;
}

GenerationConfig load_generation_config(const std::filesystem::path& directory) {
  const auto path = directory / "generation_config.json";
  if (!std::filesystem::exists(path)) return {};
  return parse_generation_config(read_file(path, kLargestFile), path.string());
}

}  // namespace sluice::worker
