#include "backends/worker/api/answer_format.h"

#include "backends/worker/api/json_writer.h"
#include "backends/worker/api/logprobs_json.h"

namespace sluice::worker {

void write_identity(JsonWriter& json, const AnswerIdentity& identity, std::string_view object) {
  json.member("id", identity.id);
  json.member("object", object);
  json.member("created", identity.created);
  json.member("model", identity.model);
}

void write_usage(JsonWriter& json, const Usage& usage, bool with_details) {
  json.key("usage");
  json.begin_object();
  json.member("prompt_tokens", usage.prompt);
  json.member("total_tokens", usage.prompt + usage.completion);
  json.member("completion_tokens", usage.completion);
  if (usage.cached) {
    json.key("prompt_tokens_details");
    json.begin_object();
    json.member("cached_tokens", *usage.cached);
    json.end_object();
  } else if (with_details) {
    json.member("prompt_tokens_details", nullptr);
  }
  if (with_details) json.member("completion_tokens_details", nullptr);
  json.end_object();
}

namespace {

void write_ids(JsonWriter& json, std::string_view name, const TokenIds* ids) {
  json.key(name);
  if (ids != nullptr) {
    json.value(std::span<const std::int32_t>(*ids));
  } else {
    json.value(nullptr);
  }
}

void write_finish(JsonWriter& json, const Ending* ending) {
  json.key("finish_reason");
  if (ending != nullptr) {
    json.value(ending->finish_reason);
  } else {
    json.value(nullptr);
  }
}

void write_stop_reason(JsonWriter& json, const Ending* ending) {
  json.key("stop_reason");
  if (ending != nullptr && ending->stop_text) {
    json.value(*ending->stop_text);
  } else if (ending != nullptr && ending->stop_token) {
    json.value(*ending->stop_token);
  } else {
    json.value(nullptr);
  }
}

void write_prompt(JsonWriter& json, const AnswerPart& part) {
  json.key("prompt_logprobs");
  if (part.prompt_logprobs != nullptr) {
    write_prompt_logprobs(json, *part.prompt_logprobs);
  } else {
    json.value(nullptr);
  }
}

// A completion's.
void write_logprobs(JsonWriter& json, const AnswerPart& part) {
  json.key("logprobs");
  if (part.logprobs != nullptr) {
    write_completion_logprobs(json, *part.logprobs, part.text_offset);
  } else {
    json.value(nullptr);
  }
}

// `streamed`: parts of calls, which say what they are a part of.
void write_tool_calls(JsonWriter& json, const std::vector<ToolCallPart>& calls, bool streamed) {
  json.key("tool_calls");
  json.begin_array();
  for (const ToolCallPart& call : calls) {
    json.begin_object();
    if (!call.id.empty()) {
      json.member("id", call.id);
      json.member("type", "function");
    }
    if (streamed) json.member("index", call.index);
    json.key("function");
    json.begin_object();
    if (!call.name.empty()) json.member("name", call.name);
    json.member("arguments", call.arguments);
    json.end_object();
    json.end_object();
  }
  json.end_array();
}

// One event of the stream around one JSON object.
class Frame {
 public:
  Frame(const AnswerIdentity& identity, std::string_view object, std::string& out) : json(out), out_(out) {
    out_ += "data: ";
    json.begin_object();
    write_identity(json, identity, object);
    json.key("choices");
    json.begin_array();
  }
  // Ends the list of choices; what the whole frame says follows.
  void end_choices() { json.end_array(); }
  ~Frame() {
    json.end_object();
    out_ += "\n\n";
  }
  Frame(const Frame&) = delete;
  Frame& operator=(const Frame&) = delete;

  JsonWriter json;

 private:
  std::string& out_;
};

}  // namespace

void AnswerFormat::usage_frame(const AnswerIdentity& identity, const Usage& usage, std::string& out) const {
  Frame frame(identity, frame_object(), out);
  frame.end_choices();
  write_usage(frame.json, usage, false);
  frame.json.member("system_fingerprint", identity.fingerprint);
}

void ChatFormat::write_logprobs(JsonWriter& json, const AnswerPart& part) const {
  json.key("logprobs");
  if (part.logprobs != nullptr) {
    write_chat_logprobs(json, *part.logprobs, top_logprobs());
  } else {
    json.value(nullptr);
  }
}

std::string ChatFormat::whole(const AnswerIdentity& identity, std::span<const AnswerPart> parts,
                              const Usage& usage) const {
  std::string out;
  JsonWriter json(out);
  json.begin_object();
  write_identity(json, identity, "chat.completion");
  json.key("choices");
  json.begin_array();
  for (const AnswerPart& part : parts) {
    json.begin_object();
    json.member("index", part.index);
    json.key("message");
    json.begin_object();
    json.member("role", role_);
    const bool only_calls = part.tool_calls != nullptr && part.text.empty();
    json.member("content", only_calls ? std::nullopt : std::optional(part.text));
    for (const std::string_view name : {"refusal", "annotations", "audio", "function_call", "reasoning"})
      json.member(name, nullptr);
    if (part.tool_calls != nullptr) write_tool_calls(json, *part.tool_calls, false);
    json.end_object();
    write_logprobs(json, part);
    write_finish(json, part.ending);
    write_stop_reason(json, part.ending);
    write_ids(json, "token_ids", part.token_ids);
    json.member("routed_experts", nullptr);
    json.end_object();
  }
  json.end_array();
  json.member("service_tier", nullptr);
  json.member("system_fingerprint", identity.fingerprint);
  write_usage(json, usage, true);
  write_prompt(json, parts.front());
  write_ids(json, "prompt_token_ids", parts.front().prompt_token_ids);
  for (const std::string_view name : {"prompt_text", "kv_transfer_params", "ec_transfer_params", "metrics"})
    json.member(name, nullptr);
  json.end_object();
  return out;
}

void ChatFormat::opening(const AnswerIdentity& identity, const AnswerPart& part, std::string& out) const {
  Frame frame(identity, frame_object(), out);
  JsonWriter& json = frame.json;
  json.begin_object();
  json.member("index", part.index);
  json.key("delta");
  json.begin_object();
  json.member("role", role_);
  json.member("content", "");
  json.end_object();
  json.member("logprobs", nullptr);
  write_finish(json, nullptr);
  json.end_object();
  frame.end_choices();
  if (part.usage) write_usage(json, Usage{.prompt = part.usage->prompt}, false);
  write_ids(json, "prompt_token_ids", part.prompt_token_ids);
  json.member("prompt_text", nullptr);
}

void ChatFormat::frame(const AnswerIdentity& identity, const AnswerPart& part, bool last_frame,
                       std::string& out) const {
  Frame frame(identity, frame_object(), out);
  JsonWriter& json = frame.json;
  json.begin_object();
  json.member("index", part.index);
  json.key("delta");
  json.begin_object();
  if (part.tool_calls == nullptr || !part.text.empty()) json.member("content", part.text);
  if (part.tool_calls != nullptr) write_tool_calls(json, *part.tool_calls, true);
  json.end_object();
  write_logprobs(json, part);
  write_finish(json, part.ending);
  if (part.ending != nullptr) write_stop_reason(json, part.ending);
  write_ids(json, "token_ids", part.token_ids);
  json.end_object();
  frame.end_choices();
  if (part.usage) write_usage(json, *part.usage, false);
  if (part.ending != nullptr && last_frame) json.member("system_fingerprint", identity.fingerprint);
}

std::string CompletionFormat::whole(const AnswerIdentity& identity, std::span<const AnswerPart> parts,
                                    const Usage& usage) const {
  std::string out;
  JsonWriter json(out);
  json.begin_object();
  write_identity(json, identity, "text_completion");
  json.key("choices");
  json.begin_array();
  for (const AnswerPart& part : parts) {
    json.begin_object();
    json.member("index", part.index);
    json.member("text", part.text);
    write_logprobs(json, part);
    write_finish(json, part.ending);
    write_stop_reason(json, part.ending);
    write_ids(json, "token_ids", part.token_ids);
    write_prompt(json, part);
    write_ids(json, "prompt_token_ids", part.prompt_token_ids);
    json.member("routed_experts", nullptr);
    json.end_object();
  }
  json.end_array();
  json.member("service_tier", nullptr);
  json.member("system_fingerprint", identity.fingerprint);
  write_usage(json, usage, true);
  for (const std::string_view name : {"kv_transfer_params", "ec_transfer_params", "metrics"})
    json.member(name, nullptr);
  json.end_object();
  return out;
}

void CompletionFormat::frame(const AnswerIdentity& identity, const AnswerPart& part, bool last_frame,
                             std::string& out) const {
  Frame frame(identity, frame_object(), out);
  JsonWriter& json = frame.json;
  json.begin_object();
  json.member("index", part.index);
  json.member("text", part.text);
  write_logprobs(json, part);
  write_finish(json, part.ending);
  write_stop_reason(json, part.ending);
  write_ids(json, "prompt_token_ids", part.prompt_token_ids);
  write_ids(json, "token_ids", part.token_ids);
  json.end_object();
  frame.end_choices();
  if (part.usage) write_usage(json, *part.usage, false);
  if (part.ending != nullptr && last_frame) json.member("system_fingerprint", identity.fingerprint);
}

void append_error_frame(const ApiError& error, std::string& out) {
  out.append("data: ").append(error.to_json()).append("\n\n");
}

}  // namespace sluice::worker
