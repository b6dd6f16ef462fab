#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "gateway/base/result.h"
#include "gateway/llm/text/jinja/evaluator.h"
#include "gateway/llm/text/jinja/value.h"

namespace sluice::text {

// A model's chat template: turns a conversation into the text the model was trained on. The subset of Jinja
// that chat templates use, with Hugging Face's settings (trim_blocks, lstrip_blocks, tojson without escapes,
// break and continue). Immutable; renders from any number of threads.
class ChatTemplate {
 public:
  static constexpr std::size_t kLongestSource = 1U << 20;  // bytes

  // Fails (kConfig) with the line: for bad syntax, and by name for what the subset lacks (macro, include,
  // import …).
  static Result<ChatTemplate> parse(std::string_view source);

  // Renders with the caller's variables: messages, add_generation_prompt, tools, bos_token and so on. Fails
  // (kInvalidBody) with the template's own message if it calls raise_exception, and with the line if it meets
  // values it cannot work with or exceeds `limits`.
  Result<std::string> render(const jinja::Dict& variables, const jinja::RenderLimits& limits = {},
                             const jinja::StrftimeNow& strftime_now = {}) const;

 private:
  explicit ChatTemplate(std::shared_ptr<const jinja::Block> block) : block_(std::move(block)) {}

  std::shared_ptr<const jinja::Block> block_;  // shared by the copies of this value
};

// What a checkpoint says about conversations: chat_template.jinja or the entry in tokenizer_config.json (of
// several named ones, "default"), and the special tokens that templates mention.
struct ChatFormat {
  std::string source;  // empty: the checkpoint has no template
  std::string bos_token;
  std::string eos_token;
  jinja::Dict tokenizer_config;  // all of tokenizer_config.json
};

// Reads DIRECTORY/tokenizer_config.json and DIRECTORY/chat_template.jinja; either may be absent. Fails
// (kConfig) on malformed files.
Result<ChatFormat> load_chat_format(const std::filesystem::path& directory);

}  // namespace sluice::text
