#include "backends/worker/api/prompt.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <ctime>
#include <stdexcept>
#include <utility>

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

// strftime in UTC; nothing for a format that makes more than a template would print.
std::string format_time(WallTime now, const std::string& format) {
  const std::time_t seconds = std::chrono::system_clock::to_time_t(now);
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  std::array<char, 256> text{};
  return {text.data(), std::strftime(text.data(), text.size(), format.c_str(), &parts)};
}

// No text of a template or a client: it marks where the last message's content ends.
constexpr std::string_view kContentEnd = "\x01\x02sluice-continue\x02\x01";

// The messages, the last of which has its content's end marked.
std::optional<jinja::List> with_marked_end(const jinja::List& messages) {
  if (messages.empty() || messages.back().dict() == nullptr) return std::nullopt;
  jinja::Dict last = *messages.back().dict();
  const jinja::Value* content = last.find("content");
  if (content == nullptr || content->text() == nullptr) return std::nullopt;
  last.set("content", *content->text() + std::string(kContentEnd));
  jinja::List marked = messages;
  marked.back() = std::move(last);
  return marked;
}

Parsed<std::string> render(const ServedModel& model, const Conversation& conversation,
                           const jinja::List& messages, WallTime now) {
  jinja::Dict variables;
  variables.set("bos_token", model.bos_text);
  variables.set("eos_token", model.eos_text);
  for (const auto& [name, value] : conversation.template_variables.entries())
    variables.set(name, value);
  variables.set("messages", messages);
  variables.set("add_generation_prompt", conversation.add_generation_prompt);
  variables.set("tools",
                conversation.tools.empty() ? jinja::Value(nullptr) : jinja::Value(conversation.tools));
  const auto date = [now](std::string_view format) { return format_time(now, std::string(format)); };
  Result<std::string> text = model.chat_template->render(variables, {}, date);
  if (!text) return std::unexpected(rule_error(text.error().detail()));
  return std::move(*text);
}

}  // namespace

Parsed<std::string> render_conversation(const ServedModel& model, const Conversation& conversation,
                                        WallTime now) {
  if (!model.chat_template) {
    return std::unexpected(
        rule_error("This model has no chat template: send text or token ids instead of messages."));
  }
  try {
    if (!conversation.continue_final_message) return render(model, conversation, conversation.messages, now);
    const auto messages = with_marked_end(conversation.messages);
    if (!messages) {
      return std::unexpected(
          rule_error("continue_final_message needs a last message with content.", "messages"));
    }
    Parsed<std::string> text = render(model, conversation, *messages, now);
    if (!text) return text;
    const std::size_t end = text->rfind(kContentEnd);
    if (end == std::string::npos) {
      return std::unexpected(
          rule_error("This model's chat template does not end with the last message.", "messages"));
    }
    text->resize(end);
    return text;
  } catch (const std::invalid_argument& too_large) {
    return std::unexpected(rule_error(too_large.what()));
  }
}

std::optional<ApiError> truncate(const ServedModel& model, const PromptFields& fields, std::int64_t kept_free,
                                 TokenIds& prompt) {
  if (!fields.truncate_prompt_tokens) return std::nullopt;
  const std::int64_t most = model.max_model_len - kept_free;
  if (*fields.truncate_prompt_tokens > model.max_model_len) {
    return value_error(
        fmt::format("truncate_prompt_tokens value ({}) is greater than max_model_len ({}). Please, "
                    "select a smaller truncation size.",
                    *fields.truncate_prompt_tokens, model.max_model_len),
        "truncate_prompt_tokens", std::to_string(*fields.truncate_prompt_tokens));
  }
  const std::int64_t kept =
      *fields.truncate_prompt_tokens == -1 ? std::max<std::int64_t>(most, 0) : *fields.truncate_prompt_tokens;
  if (std::cmp_greater(prompt.size(), kept))
    prompt.erase(prompt.begin(), prompt.end() - static_cast<std::ptrdiff_t>(kept));
  return std::nullopt;
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

std::optional<ApiError> find_fault(const ServedModel& model, const TokenIds& prompt) {
  if (prompt.empty()) return rule_error("The prompt cannot be empty.");
  for (const std::int32_t token : prompt) {
    if (token < 0 || token >= model.vocab_size) {
      return rule_error(
          fmt::format("Token id {} is out of vocabulary, which has {} ids.", token, model.vocab_size));
    }
  }
  return std::nullopt;
}

Parsed<std::int32_t> answer_limit(const ServedModel& model, const TokenIds& prompt,
                                  const GenerationFields& fields) {
  if (auto fault = find_fault(model, prompt)) return std::unexpected(std::move(*fault));
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
  if (const auto most = model.generation.max_new_tokens; most && *most > 0) limit = std::min(limit, *most);
  if (fields.text.min_tokens > limit) {
    return std::unexpected(
        value_error(fmt::format("min_tokens must be less than or equal to max_tokens={}, got {}.", limit,
                                fields.text.min_tokens),
                    "min_tokens", std::to_string(fields.text.min_tokens)));
  }
  return static_cast<std::int32_t>(limit);
}

}  // namespace sluice::worker
