#include "backends/worker/api/generation_fields.h"

#include <fmt/format.h>

#include <utility>

#include "backends/worker/api/prompt_fields.h"

namespace sluice::worker {
namespace {

constexpr std::size_t kMostStops = 4;  // vLLM's VLLM_MAX_STOP_STRINGS

bool is_off(const jinja::Value& value) {
  if (value.list() != nullptr) return value.list()->empty();
  if (value.dict() != nullptr) return value.dict()->entries().empty();
  return value.boolean() != nullptr && !*value.boolean();
}

// What would change the answer if it were ignored. An empty list or object and false ask for nothing.
void refuse_unsupported(RequestFields& body) {
  for (const std::string_view name : {"use_beam_search", "structured_outputs", "repetition_detection"}) {
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
  if (!std::in_range<std::int32_t>(*min_tokens) || *min_tokens < 0) {
    body.refuse(value_error(fmt::format("min_tokens must be zero or more, got {}.", *min_tokens),
                            "min_tokens", std::to_string(*min_tokens)));
    return;
  }
  fields.text.min_tokens = static_cast<std::int32_t>(*min_tokens);
}

}  // namespace

GenerationFields read_generation_fields(RequestFields& body) {
  GenerationFields fields;
  static_cast<PromptFields&>(fields) = read_prompt_fields(body);
  read_stream(body, fields);
  fields.sampling = read_sampling_fields(body, fields.stream);
  read_stop(body, fields);
  read_min_tokens(body, fields);
  fields.ignore_eos = body.flag("ignore_eos", false);
  fields.text.skip_special_tokens = body.flag("skip_special_tokens", true);
  fields.return_token_ids = body.flag("return_token_ids", false);
  if (body.has("return_tokens_as_token_ids"))
    fields.tokens_as_ids = body.flag("return_tokens_as_token_ids", false);
  fields.stream_interval = body.integer("stream_interval").value_or(1);
  if (fields.stream_interval < 1) {
    body.mistype("greater_than_equal", "stream_interval", "Input should be greater than or equal to 1");
  }
  refuse_unsupported(body);
  return fields;
}

}  // namespace sluice::worker
