#include "backends/worker/api/prompt.h"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>

namespace sluice::worker {
namespace {

ApiError context_exceeded(const ServedModel& model, std::int64_t prompt, std::int64_t answer) {
  return value_error(
      fmt::format(
          "This model's maximum context length is {} tokens. However, you requested {} output tokens and "
          "your prompt contains {} input tokens, for a total of {} tokens. Please reduce the length of "
          "the input prompt or the number of requested output tokens.",
          model.max_model_len, answer, prompt, prompt + answer),
      "input_tokens", std::to_string(prompt));
}

}  // namespace

Parsed<std::string> render_conversation(const ServedModel& model, const Conversation& conversation) {
  if (!model.chat_template) {
    return std::unexpected(rule_error("This model has no chat template: use /v1/completions."));
  }
  try {
    jinja::Dict variables;
    variables.set("bos_token", model.bos_text);
    variables.set("eos_token", model.eos_text);
    for (const auto& [name, value] : conversation.template_variables.entries())
      variables.set(name, value);
    variables.set("messages", conversation.messages);
    variables.set("add_generation_prompt", conversation.add_generation_prompt);
    variables.set("tools", nullptr);
    Result<std::string> text = model.chat_template->render(variables);
    if (!text) return std::unexpected(rule_error(text.error().detail()));
    return std::move(*text);
  } catch (const std::invalid_argument& too_large) {
    return std::unexpected(rule_error(too_large.what()));
  }
}

Parsed<TokenIds> tokenize(const ServedModel& model, std::string_view text, bool add_special_tokens,
                          bool bounded) {
  const auto longest = static_cast<std::size_t>(model.max_model_len) * model.longest_token;
  if (bounded && text.size() > longest) {
    return std::unexpected(value_error(
        fmt::format(
            "This model's maximum context length is {} tokens, which hold at most {} bytes of text. Your "
            "prompt is longer.",
            model.max_model_len, longest),
        "input_text", std::to_string(text.size())));
  }
  Result<TokenIds> tokens = model.tokenizer.encode(text, {.add_special_tokens = add_special_tokens});
  if (!tokens) return std::unexpected(rule_error(tokens.error().detail()));
  return std::move(*tokens);
}

Parsed<std::int32_t> answer_limit(const ServedModel& model, const TokenIds& prompt,
                                  const GenerationFields& fields) {
  if (prompt.empty()) return std::unexpected(rule_error("The prompt cannot be empty."));
  for (const std::int32_t token : prompt) {
    if (token < 0 || token >= model.vocab_size) {
      return std::unexpected(rule_error(
          fmt::format("Token id {} is out of vocabulary, which has {} ids.", token, model.vocab_size)));
    }
  }
  const auto size = static_cast<std::int64_t>(prompt.size());
  const std::int64_t room = model.max_model_len - size;
  if (fields.max_tokens && *fields.max_tokens > model.max_model_len) {
    return std::unexpected(
        value_error(fmt::format("{}={} is more than this model's maximum context length of {} tokens.",
                                fields.max_tokens_name, *fields.max_tokens, model.max_model_len),
                    fields.max_tokens_name, std::to_string(*fields.max_tokens)));
  }
  if (room < 1) {
    return std::unexpected(rule_error(fmt::format(
        "The prompt has {} tokens, which leave no room for an answer in this model's maximum context "
        "length of {}.",
        size, model.max_model_len)));
  }
  if (fields.max_tokens && *fields.max_tokens > room) {
    return std::unexpected(context_exceeded(model, size, *fields.max_tokens));
  }
  std::int64_t limit = fields.max_tokens.value_or(room);
  if (model.max_new_tokens && *model.max_new_tokens > 0) limit = std::min(limit, *model.max_new_tokens);
  if (fields.text.min_tokens > limit) {
    return std::unexpected(
        value_error(fmt::format("min_tokens must be less than or equal to max_tokens={}, got {}.", limit,
                                fields.text.min_tokens),
                    "min_tokens", std::to_string(fields.text.min_tokens)));
  }
  return static_cast<std::int32_t>(limit);
}

}  // namespace sluice::worker
