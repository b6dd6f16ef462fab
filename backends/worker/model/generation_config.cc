#include "backends/worker/model/generation_config.h"

#include <cmath>
#include <limits>

#include "backends/worker/model/file.h"
#include "backends/worker/model/json.h"

namespace sluice::worker {
namespace {

constexpr std::size_t kLargestFile = 1U << 20;

// A default of every request, so what no request may say is refused here as well. As the float that it
// becomes.
void check(const JsonObject& json, std::string_view name, std::optional<double> value, double above,
           double most, bool or_equal) {
  if (!value) return;
  const auto number = static_cast<float>(*value);
  if (!(or_equal ? number >= above : number > above) || !(number <= most) || !std::isfinite(number)) {
    json.refuse(std::string(name) + " is " + std::to_string(*value) + ", which no request may ask for");
  }
}

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
  check(json, "temperature", config.temperature, 0, 2, true);
  check(json, "top_p", config.top_p, 0, 1, false);
  check(json, "min_p", config.min_p, 0, 1, true);
  check(json, "repetition_penalty", config.repetition_penalty, 0, std::numeric_limits<float>::max(), false);
  if (config.top_k && *config.top_k < -1) json.refuse("top_k is below -1");
  return config;
}

GenerationConfig load_generation_config(const std::filesystem::path& directory) {
  const auto path = directory / "generation_config.json";
  if (!std::filesystem::exists(path)) return {};
  return parse_generation_config(read_file(path, kLargestFile), path.string());
}

}  // namespace sluice::worker
