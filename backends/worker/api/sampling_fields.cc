#include "backends/worker/api/sampling_fields.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <utility>

namespace sluice::worker {
namespace {

constexpr std::int64_t kMostAnswers = 16384;     // vLLM's VLLM_MAX_N_SEQUENCES
constexpr std::size_t kMostLogprobTokens = 128;  // of logprob_token_ids
constexpr std::size_t kMostBadWords = 128;       // sequences of tokens
constexpr double kLargestBias = 100;

void check(RequestFields& body, std::string_view name, bool fits, double value, std::string_view range) {
  if (fits) return;
  body.refuse(
      value_error(fmt::format("{} must be {}, got {}.", name, range, value), name, fmt::format("{}", value)));
}

void read_numbers(RequestFields& body, SamplingFields& fields) {
  const auto within = [&](std::string_view name, double lowest, double highest, std::string_view range) {
    const auto v = body.number(name);
    if (v) check(body, name, *v >= lowest && *v <= highest, *v, range);
    return v;
  };
  fields.temperature = within("temperature", 0, 2, "in [0, 2]");
  fields.presence_penalty = within("presence_penalty", -2, 2, "in [-2, 2]").value_or(0);
  fields.frequency_penalty = within("frequency_penalty", -2, 2, "in [-2, 2]").value_or(0);
  fields.min_p = within("min_p", 0, 1, "in [0, 1]");
  fields.top_p = body.number("top_p");
  // As the float that it becomes: 1e-300 is zero.
  if (const auto v = fields.top_p)
    check(body, "top_p", static_cast<float>(*v) > 0 && *v <= 1, *v, "in (0, 1]");
  fields.repetition_penalty = body.number("repetition_penalty");
  if (const auto v = fields.repetition_penalty) {
    const auto penalty = static_cast<float>(*v);
    check(body, "repetition_penalty", penalty > 0 && std::isfinite(penalty), *v,
          "greater than zero and finite");
  }
  fields.top_k = body.integer("top_k");
  if (const auto v = fields.top_k) {
    check(body, "top_k", *v >= -1, static_cast<double>(*v), "-1 (disable), 0 or more");
  }
  fields.seed = body.integer("seed");
  if (fields.seed == -1) fields.seed.reset();
  fields.n = body.integer("n").value_or(1);
  check(body, "n", fields.n >= 1 && fields.n <= kMostAnswers, static_cast<double>(fields.n),
        "between 1 and 16384");
}

void read_logit_bias(RequestFields& body, SamplingFields& fields) {
  const jinja::Dict* object = body.object("logit_bias");
  if (object == nullptr) return;
  RequestFields biases(*object, body.path_of("logit_bias"));
  for (const auto& [key, value] : object->entries()) {
    std::int64_t id = 0;
    const auto [end, error] = std::from_chars(key.data(), key.data() + key.size(), id);
    if (error != std::errc() || end != key.data() + key.size()) {
      body.refuse(value_error("logit_bias keys must be token ids.", "logit_bias", key));
      return;
    }
    const auto bias = biases.number(key);
    if (biases.error()) return body.refuse(*biases.error());
    if (bias) fields.logit_bias.emplace_back(id, std::clamp(*bias, -kLargestBias, kLargestBias));
  }
}

void read_token_lists(RequestFields& body, SamplingFields& fields) {
  if (body.has("allowed_token_ids")) {
    fields.allowed_token_ids = body.integers("allowed_token_ids");
    if (fields.allowed_token_ids->empty()) {
      body.refuse(rule_error("allowed_token_ids must not be empty.", "allowed_token_ids"));
    }
  }
  fields.bad_words = body.texts("bad_words");
  if (std::ranges::find(fields.bad_words, "") != fields.bad_words.end()) {
    body.refuse(rule_error("bad_words cannot contain an empty string.", "bad_words"));
  }
  fields.logprob_token_ids = body.integers("logprob_token_ids");
  if (fields.logprob_token_ids.size() > kMostLogprobTokens) {
    body.refuse(value_error(fmt::format("logprob_token_ids has at most {} entries.", kMostLogprobTokens),
                            "logprob_token_ids", std::to_string(fields.logprob_token_ids.size())));
  }
}

void read_prompt_logprobs(RequestFields& body, SamplingFields& fields, bool stream) {
  fields.prompt_logprobs = body.integer("prompt_logprobs");
  if (!fields.prompt_logprobs) return;
  check_logprobs(body, "prompt_logprobs", *fields.prompt_logprobs);
  if (stream && *fields.prompt_logprobs != 0) {
    body.refuse(rule_error("`prompt_logprobs` are not available when `stream=True`.", "prompt_logprobs"));
  }
}

ApiError out_of_vocabulary(const ServedModel& model, std::string_view name, std::int64_t id) {
  return value_error(
      fmt::format("token id {} in {} is out of vocabulary, which has {} ids.", id, name, model.vocab_size),
      name, std::to_string(id));
}

Parsed<std::vector<std::int32_t>> to_tokens(const ServedModel& model, std::string_view name,
                                            const std::vector<std::int64_t>& ids) {
  std::vector<std::int32_t> tokens;
  for (const std::int64_t id : ids) {
    if (id < 0 || id >= model.vocab_size) return std::unexpected(out_of_vocabulary(model, name, id));
    tokens.push_back(static_cast<std::int32_t>(id));
  }
  return tokens;
}

// A word is banned where it begins a text and where a space precedes it, if that makes other tokens of it.
Parsed<std::vector<std::vector<std::int32_t>>> tokenise_bad_words(const ServedModel& model,
                                                                  const std::vector<std::string>& words) {
  std::vector<std::vector<std::int32_t>> result;
  for (const std::string& word : words) {
    if (result.size() > kMostBadWords) break;
    const std::string bare = word.substr(std::min(word.find_first_not_of(" \t\n\r\v\f"), word.size()));
    for (const std::string& text : {bare, " " + bare}) {
      auto tokens = model.tokenizer.encode(text, {.add_special_tokens = false});
      if (!tokens) return std::unexpected(rule_error(tokens.error().detail(), "bad_words"));
      // One that no answer can hold, or of tokens that the model cannot generate, never appears.
      const bool can_appear =
          std::cmp_less_equal(tokens->size(), model.max_model_len) &&
          std::ranges::all_of(*tokens, [&](std::int32_t id) { return id < model.vocab_size; });
      if (tokens->empty() || !can_appear) continue;
      const bool is_spaced = text.size() > bare.size();
      const bool is_new =
          !is_spaced || result.empty() ||
          (tokens->front() != result.back().front() && tokens->size() == result.back().size());
      if (is_new) result.push_back(std::move(*tokens));
    }
  }
  if (result.size() > kMostBadWords) {
    return std::unexpected(
        value_error(fmt::format("bad_words make more than {} sequences of tokens.", kMostBadWords),
                    "bad_words", std::to_string(words.size())));
  }
  return result;
}

Parsed<std::optional<std::int32_t>> capped(const ServedModel& model, std::int64_t cap, std::string_view name,
                                           std::optional<std::int64_t> asked) {
  if (!asked) return std::nullopt;
  const std::int64_t count = *asked == -1 ? model.vocab_size : *asked;
  if (cap >= 0 && count > cap) {
    return std::unexpected(value_error(
        fmt::format("Requested {} of {}, which is greater than max allowed: {}.", name, count, cap), name,
        std::to_string(*asked)));
  }
  return static_cast<std::int32_t>(std::min<std::int64_t>(count, model.vocab_size));
}

float to_float(std::optional<double> request, std::optional<double> checkpoint, double otherwise) {
  return static_cast<float>(request.value_or(checkpoint.value_or(otherwise)));
}

}  // namespace

void check_logprobs(RequestFields& body, std::string_view name, std::int64_t value) {
  check(body, name, value >= -1, static_cast<double>(value), "non-negative or -1");
}

SamplingFields read_sampling_fields(RequestFields& body, bool stream) {
  SamplingFields fields;
  read_numbers(body, fields);
  read_logit_bias(body, fields);
  read_token_lists(body, fields);
  read_prompt_logprobs(body, fields, stream);
  return fields;
}

Parsed<SamplingParams> resolve_sampling(const ServedModel& model, std::int64_t max_logprobs,
                                        const SamplingFields& fields) {
  const GenerationConfig& defaults = model.generation;
  SamplingParams params;
  params.temperature = to_float(fields.temperature, defaults.temperature, 1);
  params.top_p = to_float(fields.top_p, defaults.top_p, 1);
  params.min_p = to_float(fields.min_p, defaults.min_p, 0);
  params.repetition_penalty = to_float(fields.repetition_penalty, defaults.repetition_penalty, 1);
  const std::int64_t top_k = fields.top_k.value_or(defaults.top_k.value_or(0));
  params.top_k = static_cast<std::int32_t>(std::clamp<std::int64_t>(top_k, 0, model.vocab_size));
  params.frequency_penalty = static_cast<float>(fields.frequency_penalty);
  params.presence_penalty = static_cast<float>(fields.presence_penalty);
  if (fields.n > 1 && params.greedy()) {
    return std::unexpected(
        value_error("n must be 1 when using greedy sampling.", "n", std::to_string(fields.n)));
  }
  for (const auto& [id, bias] : fields.logit_bias) {
    if (id < 0 || id >= model.vocab_size) return std::unexpected(out_of_vocabulary(model, "logit_bias", id));
    params.logit_bias.emplace_back(static_cast<std::int32_t>(id), static_cast<float>(bias));
  }
  if (fields.allowed_token_ids) {
    auto tokens = to_tokens(model, "allowed_token_ids", *fields.allowed_token_ids);
    if (!tokens) return std::unexpected(tokens.error());
    std::ranges::sort(*tokens);
    const auto repeated = std::ranges::unique(*tokens);
    tokens->erase(repeated.begin(), repeated.end());
    params.allowed_token_ids = std::move(*tokens);
  }
  auto words = tokenise_bad_words(model, fields.bad_words);
  if (!words) return std::unexpected(words.error());
  params.bad_words = std::move(*words);
  auto named = to_tokens(model, "logprob_token_ids", fields.logprob_token_ids);
  if (!named) return std::unexpected(named.error());
  params.logprob_token_ids = std::move(*named);
  if (!params.logprob_token_ids.empty() && !fields.logprobs) {
    return std::unexpected(rule_error("logprob_token_ids needs logprobs.", "logprob_token_ids"));
  }
  const auto logprobs = capped(model, max_logprobs, "logprobs", fields.logprobs);
  if (!logprobs) return std::unexpected(logprobs.error());
  params.logprobs = *logprobs;
  const auto prompt_logprobs = capped(model, max_logprobs, "prompt_logprobs", fields.prompt_logprobs);
  if (!prompt_logprobs) return std::unexpected(prompt_logprobs.error());
  params.prompt_logprobs = *prompt_logprobs;
  return params;
}

}  // namespace sluice::worker
