#include "gateway/llm/text/chat_template.h"

#include <fmt/format.h>

#include <exception>

#include "gateway/llm/text/jinja/lexer.h"
#include "gateway/llm/text/jinja/syntax.h"
#include "gateway/llm/text/jinja/value_json.h"
#include "gateway/llm/text/text_file.h"
#include "gateway/llm/text/utf8.h"

namespace sluice::text {
namespace {

constexpr std::size_t kLargestConfig = 16U << 20;

// A special token is written as a string or as an object with its content.
std::string token_text(const jinja::Value* token) {
  if (token == nullptr) return {};
  if (const jinja::Dict* dict = token->dict()) token = dict->find("content");
  return token != nullptr && token->text() ? *token->text() : std::string();
}

std::string template_source(const jinja::Value* entry) {
  if (entry == nullptr) return {};
  if (entry->text()) return *entry->text();
  if (!entry->list()) return {};
  for (const jinja::Value& named : *entry->list()) {
    if (named.dict() == nullptr) continue;
    const jinja::Value* name = named.dict()->find("name");
    if (name != nullptr && name->text() && *name->text() == "default") {
      return token_text(named.dict()->find("template"));
    }
  }
  return {};
}

}  // namespace

Result<ChatTemplate> ChatTemplate::parse(std::string_view source) {
  if (source.size() > kLongestSource) return fail(ErrorKind::kConfig, "chat template: longer than 1 MiB");
  if (!is_valid_utf8(source)) return fail(ErrorKind::kConfig, "chat template: not UTF-8");
  try {
    return ChatTemplate(std::make_shared<const jinja::Block>(jinja::parse_template(source)));
  } catch (const jinja::TemplateError& error) {
    return fail(ErrorKind::kConfig, fmt::format("chat template, line {}: {}", error.line(), error.what()));
  }
}

Result<std::string> ChatTemplate::render(const jinja::Dict& variables, const jinja::RenderLimits& limits,
                                         const jinja::StrftimeNow& strftime_now) const {
  try {
    return jinja::render_block(*block_, variables, limits, strftime_now);
  } catch (const jinja::TemplateError& error) {
    return fail(ErrorKind::kInvalidBody,
                fmt::format("chat template, line {}: {}", error.line(), error.what()));
  }
}

Result<ChatFormat> load_chat_format(const std::filesystem::path& directory) {
  ChatFormat format;
  if (const auto path = directory / "tokenizer_config.json"; std::filesystem::exists(path)) {
    const auto json = read_text_file(path, kLargestConfig);
    if (!json) return fail(json.error());
    const auto config = jinja::parse_json_value(*json);
    if (!config || config->dict() == nullptr) {
      return fail(ErrorKind::kConfig,
                  path.string() + ": " + (config ? "not an object" : config.error().detail()));
    }
    format.source = template_source(config->dict()->find("chat_template"));
    format.tokenizer_config = *config->dict();
    format.bos_token = token_text(config->dict()->find("bos_token"));
    format.eos_token = token_text(config->dict()->find("eos_token"));
  }
  if (const auto path = directory / "chat_template.jinja"; std::filesystem::exists(path)) {
    auto source = read_text_file(path, ChatTemplate::kLongestSource);
    if (!source) return fail(source.error());
    format.source = std::move(*source);
  }
  return format;
}

}  // namespace sluice::text
