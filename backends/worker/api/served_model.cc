#include "backends/worker/api/served_model.h"

#include <algorithm>
#include <utility>

namespace sluice::worker {

namespace {

// What is wrong, with the place where the message does not tell it yet.
std::string located(const std::filesystem::path& directory, const std::string& what) {
  return what.starts_with(directory.string()) ? what : directory.string() + ": " + what;
}

// What vLLM says of a tokenizer: how it is set up, its class and the template in use.
jinja::Dict describe_tokenizer(text::ChatFormat& format) {
  jinja::Dict info = std::move(format.tokenizer_config);
  if (info.find("tokenizer_class") == nullptr) info.set("tokenizer_class", "PreTrainedTokenizerFast");
  if (!format.source.empty()) info.set("chat_template", format.source);
  return info;
}

}  // namespace

bool ServedModel::is_called(std::string_view name) const {
  return std::ranges::find(names, name) != names.end();
}

Result<ServedModel> load_served_model(const std::filesystem::path& directory,
                                      const GenerationConfig& generation) {
  Result<text::Tokenizer> tokenizer = text::Tokenizer::load(directory / "tokenizer.json");
  if (!tokenizer) return fail(ErrorKind::kConfig, located(directory, tokenizer.error().detail()));
  ServedModel model{.tokenizer = std::move(*tokenizer)};
  for (std::size_t id = 0; id < model.tokenizer.size(); ++id) {
    const auto bytes = model.tokenizer.bytes_of(static_cast<text::TokenId>(id));
    model.longest_token = std::max(model.longest_token, bytes.size());
  }
  Result<text::ChatFormat> format = text::load_chat_format(directory);
  if (!format) return fail(std::move(format.error()));
  if (!format->source.empty()) {
    Result<text::ChatTemplate> parsed = text::ChatTemplate::parse(format->source);
    if (!parsed) return fail(ErrorKind::kConfig, located(directory, parsed.error().detail()));
    model.chat_template = std::move(*parsed);
  }
  model.tokenizer_info = describe_tokenizer(*format);
  model.bos_text = std::move(format->bos_token);
  model.eos_text = std::move(format->eos_token);
  if (const auto eos = model.tokenizer.find(model.eos_text); eos && !model.eos_text.empty()) {
    model.eos_token = *eos;
  }
  model.generation = generation;
  return model;
}

}  // namespace sluice::worker
