#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "backends/worker/model/generation_config.h"
#include "gateway/base/result.h"
#include "gateway/llm/text/chat_template.h"
#include "gateway/llm/text/tokenizer.h"

namespace sluice::worker {

// What the API knows of the model it serves. Immutable while serving; any thread may read it.
struct ServedModel {
  text::Tokenizer tokenizer;
  std::vector<std::string> names =
      {};                    // what requests may call it, at least one; the first labels answers and metrics
  std::string root = {};     // where it was loaded from, as the operator said it
  std::int64_t created = 0;  // unix seconds
  std::int32_t max_model_len = 0;
  std::int32_t vocab_size = 0;
  std::int32_t hidden_size = 0;                          // numbers of an embedding
  bool is_matryoshka = false;                            // its embeddings may be cut
  std::vector<std::int64_t> matryoshka_dimensions = {};  // to these only, if not empty
  std::int32_t eos_token = -1;  // ends an answer without being named as its stop_reason
  std::optional<text::ChatTemplate> chat_template = {};
  jinja::Dict tokenizer_info = {};  // tokenizer_config.json, with the class and the template in use
  std::string bos_text = {};
  std::string eos_text = {};
  GenerationConfig generation = {};  // the checkpoint's defaults for what requests leave open
  std::size_t longest_token = 1;     // bytes: no text of n bytes has fewer than n / this tokens

  bool is_called(std::string_view name) const;
};

// Reads the tokenizer and the chat template of a checkpoint directory. The sizes that the engine decides
// (max_model_len, vocab_size) and the names are the caller's to set. Fails (kConfig) with the file's name.
Result<ServedModel> load_served_model(const std::filesystem::path& directory,
                                      const GenerationConfig& generation);

}  // namespace sluice::worker
