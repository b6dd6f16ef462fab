#include "backends/worker/api/generation_fields.h"

#include <fmt/format.h>

#include <limits>
#include <utility>

namespace sluice::worker {
namespace {

constexpr std::int64_t kMostAnswers = 16384;  // vLLM's VLLM_MAX_N_SEQUENCES
constexpr std::size_t kMostStops = 4;         // vLLM's VLLM_MAX_STOP_STRINGS

void check(RequestFields& body, std::string_view name, bool fits, double value, std::string_view range) {
  if (fits) return;
  body.refuse(
      value_error(fmt::format("{} must be {}, got {}.", name, range, value), name, fmt::format("{}", value)));
}

// Greedy decoding does not use them, but a value that vLLM refuses is refused.
void check_sampling(RequestFields& body) {
  const auto within = [&](std::string_view name, double lowest, double highest, std::string_view range) {
    if (const auto v = body.number(name)) check(body, name, *v >= lowest && *v <= highest, *v, range);
  };
  within("temperature", 0, 2, "in [0, 2]");
  within("presence_penalty", -2, 2, "in [-2, 2]");
  within("frequency_penalty", -2, 2, "in [-2, 2]");
  within("min_p", 0, 1, "in [0, 1]");
  if (const auto v = body.number("top_p")) check(body, "top_p", *v > 0 && *v <= 1, *v, "in (0, 1]");
  if (const auto v = body.number("repetition_penalty")) {
    check(body, "repetition_penalty", *v > 0, *v, "greater than zero");
  }
  if (const auto v = body.integer("top_k")) {
    check(body, "top_k", *v >= -1, static_cast<double>(*v), "-1 (disable), 0 or more");
  }
  (void)body.integer("seed");
}

void check_count(RequestFields& body) {
  const auto n = body.integer("n");
  if (!n) return;
  check(body, "n", *n >= 1 && *n <= kMostAnswers, static_cast<double>(*n), "between 1 and 16384");
  if (*n > 1) body.refuse(unsupported("n greater than 1"));
}

bool is_off(const jinja::Value& value) {
  if (value.list() != nullptr) return value.list()->empty();
  if (value.dict() != nullptr) return value.dict()->entries().empty();
  return value.boolean() != nullptr && !*value.boolean();
}

// What would change the answer if it were ignored. An empty list or object and false ask for nothing.
void refuse_unsupported(RequestFields& body) {
  for (const std::string_view name :
       {"prompt_logprobs", "logprob_token_ids", "logit_bias", "allowed_token_ids", "bad_words",
        "use_beam_search", "structured_outputs", "truncate_prompt_tokens", "repetition_detection"}) {
    if (const jinja::Value* value = body.find(name); value != nullptr && !is_off(*value)) {
      body.refuse(unsupported(name));
    }
  }
  if (body.has("thinking_token_budget")) {
    body.refuse(rule_error("thinking_token_budget needs a reasoning parser, which this model has none of.",
                           "thinking_token_budget"));
  }
  if (const jinja::Dict* format = body.object("response_format")) {
    const jinja::Value* type = format->find("type");
    if (type == nullptr || type->text() == nullptr) {
      body.mistype("missing", "response_format.type", "Field required");
    } else if (*type->text() != "text") {
      body.refuse(unsupported("response_format"));
    }
  }
}

void read_stream(RequestFields& body, GenerationFields& fields) {
  fields.stream = body.flag("stream", false);
  const jinja::Dict* object = body.object("stream_options");
  if (object == nullptr || object->entries().empty()) return;
  if (!fields.stream) {
    body.refuse(rule_error("Stream options can only be defined when `stream=True`.", "stream_options"));
    return;
  }
  RequestFields options(*object, "body.stream_options");
  fields.include_usage = options.flag("include_usage", false);
  // vLLM counts along only for who also asks for the count at the end.
  fields.continuous_usage = options.flag("continuous_usage_stats", false) && fields.include_usage;
  if (options.error()) body.refuse(*options.error());
}

void read_stop(RequestFields& body, GenerationFields& fields) {
  const jinja::Value* stop = body.find("stop");
  if (stop != nullptr) {
    if (stop->text() != nullptr) {
      fields.text.stop = {*stop->text()};
    } else {
      fields.text.stop = body.texts("stop");
    }
  }
  if (fields.text.stop.size() > kMostStops) {
    body.refuse(value_error(fmt::format("stop has at most {} entries.", kMostStops), "stop",
                            std::to_string(fields.text.stop.size())));
  }
  for (const std::string& entry : fields.text.stop) {
    if (entry.empty()) body.refuse(rule_error("stop cannot contain an empty string.", "stop"));
  }
  for (const std::int64_t id : body.integers("stop_token_ids")) {
    // One that no vocabulary can hold is never generated.
    if (std::in_range<std::int32_t>(id)) fields.stop_token_ids.push_back(static_cast<std::int32_t>(id));
  }
  fields.text.include_stop = body.flag("include_stop_str_in_output", false);
}

void read_min_tokens(RequestFields& body, GenerationFields& fields) {
  const auto min_tokens = body.integer("min_tokens");
  if (!min_tokens) return;
  const std::int64_t most = std::numeric_limits<std::int32_t>::max();
  check(body, "min_tokens", *min_tokens >= 0 && *min_tokens <= most, static_cast<double>(*min_tokens),
        "zero or more");
  fields.text.min_tokens = static_cast<std::int32_t>(*min_tokens);
}

void check_cache_salt(RequestFields& body) {
  if (const auto salt = body.text("cache_salt"); salt && salt->empty()) {
    body.refuse(rule_error("Parameter 'cache_salt' must be a non-empty string if provided.", "cache_salt"));
  }
}

}  // namespace

GenerationFields read_generation_fields(RequestFields& body) {
  GenerationFields fields;
  fields.model = body.text("model");
  fields.request_id = body.text("request_id");
  read_stream(body, fields);
  check_sampling(body);
  check_count(body);
  read_stop(body, fields);
  read_min_tokens(body, fields);
  fields.ignore_eos = body.flag("ignore_eos", false);
  fields.text.skip_special_tokens = body.flag("skip_special_tokens", true);
  fields.return_token_ids = body.flag("return_token_ids", false);
  if (const auto interval = body.integer("stream_interval"); interval && *interval < 1) {
    body.mistype("greater_than_equal", "stream_interval", "Input should be greater than or equal to 1");
  }
  check_cache_salt(body);
  refuse_unsupported(body);
  return fields;
}

}  // namespace sluice::worker
