#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::worker {

// A checkpoint's own defaults for generation, from generation_config.json.
struct GenerationConfig {
  std::vector<std::int32_t> eos_token_ids;
  std::optional<double> temperature;
  std::optional<double> top_p;
  std::optional<double> min_p;
  std::optional<double> repetition_penalty;
  std::optional<std::int64_t> top_k;
  std::optional<std::int64_t> max_new_tokens;
};

// `file` names the text in messages. Throws LoadError on malformed JSON and members of the wrong type.
GenerationConfig parse_generation_config(std::string_view json, const std::string& file);

// Reads DIRECTORY/generation_config.json; a checkpoint without one has no defaults.
GenerationConfig load_generation_config(const std::filesystem::path& directory);

}  // namespace sluice::worker
