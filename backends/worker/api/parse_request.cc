#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <stdexcept>

#include "backends/worker/api/api_request.h"
#include "backends/worker/api/conversation.h"
#include "backends/worker/api/generation_fields.h"
#include "backends/worker/api/request_fields.h"

namespace sluice::worker {
namespace {

constexpr std::int64_t kDefaultCompletionTokens = 16;
constexpr std::size_t kMostPrompts = 1024;  // vLLM's VLLM_MAX_COMPLETION_PROMPTS

std::optional<std::int32_t> to_token(RequestFields& body, std::int64_t id, const std::string& path) {
  if (id < 0) {
    body.refuse(schema_error("greater_than_equal", path, "Input should be greater than or equal to 0"));
    return std::nullopt;
  }
  // Beyond every vocabulary, which is said later, with its size.
  return static_cast<std::int32_t>(std::min<std::int64_t>(id, std::numeric_limits<std::int32_t>::max()));
}

void read_ids(RequestFields& body, std::string_view name, TokenIds& ids) {
  for (const std::int64_t id : body.integers(name)) {
    const auto token = to_token(body, id, fmt::format("{}.{}", body.path_of(name), ids.size()));
    if (!token) return;
    ids.push_back(*token);
  }
}

// One of several prompts, at `index` of their list.
void read_nested_prompt(RequestFields& body, const jinja::Value& prompt, std::size_t index,
                        CompletionRequest& request) {
  if (prompt.text() != nullptr) {
    request.prompts.emplace_back(*prompt.text());
    return;
  }
  const std::string name = std::to_string(index);
  jinja::Dict inner;
  inner.set(name, prompt);
  RequestFields nested(inner, body.path_of("prompt"));
  TokenIds ids;
  read_ids(nested, name, ids);
  if (nested.error()) {
    body.refuse(*nested.error());
  } else if (ids.empty()) {
    body.refuse(rule_error("prompt must not be empty.", "prompt"));
  }
  request.prompts.emplace_back(std::move(ids));
}

// A prompt is a string or a list of ids; several ones are a list of those.
void read_prompts(RequestFields& body, CompletionRequest& request) {
  const jinja::Value* prompt = body.find("prompt");
  if (prompt == nullptr) {
    body.refuse(body.has("prompt_embeds")
                    ? unsupported("prompt_embeds")
                    : rule_error("Either prompt or prompt_embeds must be provided.", "prompt"));
    return;
  }
  if (prompt->text() != nullptr) {
    request.prompts.emplace_back(*prompt->text());
    return;
  }
  const jinja::List* list = body.list("prompt");
  if (list == nullptr) return;
  if (list->empty()) {
    body.refuse(rule_error("prompt must not be empty.", "prompt"));
    return;
  }
  if (list->front().text() == nullptr && list->front().list() == nullptr) {
    read_ids(body, "prompt", std::get<TokenIds>(request.prompts.emplace_back(TokenIds())));
    return;
  }
  if (list->size() > kMostPrompts) {
    body.refuse(value_error(fmt::format("prompt has at most {} entries.", kMostPrompts), "prompt",
                            std::to_string(list->size())));
    return;
  }
  for (std::size_t i = 0; i < list->size() && !body.error(); ++i)
    read_nested_prompt(body, (*list)[i], i, request);
}

void read_completion_logprobs(RequestFields& body, GenerationFields& fields, bool echo) {
  fields.sampling.logprobs = body.integer("logprobs");
  if (!fields.sampling.logprobs) return;
  check_logprobs(body, "logprobs", *fields.sampling.logprobs);
  // The echoed prompt has logprobs like the answer.
  if (echo && !fields.sampling.prompt_logprobs) fields.sampling.prompt_logprobs = fields.sampling.logprobs;
}

bool is_function(const jinja::Value& tool) {
  const jinja::Value* function = tool.dict() == nullptr ? nullptr : tool.dict()->find("function");
  const jinja::Value* name =
      function == nullptr || function->dict() == nullptr ? nullptr : function->dict()->find("name");
  return name != nullptr && name->text() != nullptr;
}

// Tools, and whether calls are to be read out of the answer. Whether this server can is said later.
jinja::List read_tools(RequestFields& body, bool& reads_tools) {
  jinja::List tools;
  if (const jinja::List* list = body.list("tools")) {
    if (list->empty()) body.refuse(rule_error("tools must not be an empty list.", "tools"));
    for (std::size_t i = 0; i < list->size(); ++i) {
      if (is_function((*list)[i])) continue;
      body.refuse(schema_error("missing", fmt::format("body.tools.{}.function.name", i), "Field required"));
      break;
    }
    tools = *list;
  }
  const jinja::Value* choice = body.find("tool_choice");
  reads_tools = !tools.empty();
  if (choice == nullptr) return tools;
  const std::string* name = choice->text();
  if (name != nullptr && *name == "none") {
    reads_tools = false;
  } else if (tools.empty()) {
    body.refuse(rule_error("When using `tool_choice`, `tools` must be set.", "tool_choice"));
  } else if (name == nullptr || *name != "auto") {
    body.refuse(unsupported("tool_choice other than none and auto", "tool_choice"));
  }
  return tools;
}

void read_chat_logprobs(RequestFields& body, GenerationFields& fields) {
  const bool wanted = body.flag("logprobs", false);
  const auto top = body.integer("top_logprobs");
  if (top) check_logprobs(body, "top_logprobs", *top);
  if (top && *top != 0 && !wanted) {
    body.refuse(value_error("when using `top_logprobs`, `logprobs` must be set to true.", "top_logprobs",
                            std::to_string(*top)));
  }
  if (wanted) fields.sampling.logprobs = top.value_or(0);
}

// The smaller of a request's own limits is checked once the prompt is known.
void check_limits(RequestFields& body, const GenerationFields& fields, std::int64_t least) {
  if (!fields.max_tokens) return;
  const std::int64_t value = *fields.max_tokens;
  if (value < least) {
    body.refuse(
        value_error(fmt::format("{} must be at least {}, got {}.", fields.max_tokens_name, least, value),
                    fields.max_tokens_name, std::to_string(value)));
  }
  if (fields.text.min_tokens > value && value >= 1) {
    body.refuse(value_error(fmt::format("min_tokens must be less than or equal to max_tokens={}, got {}.",
                                        value, fields.text.min_tokens),
                            "min_tokens", std::to_string(fields.text.min_tokens)));
  }
}

template <class Request, class Read>
Parsed<Request> parse(std::string_view json, Read&& read) {
  const Parsed<jinja::Value> root = parse_body(json);
  if (!root) return std::unexpected(root.error());
  RequestFields body(*root->dict());
  Request request;
  try {
    read(body, request);
  } catch (const std::invalid_argument& too_large) {
    // A value that was put together from parts of the request exceeds what a value may be.
    return std::unexpected(rule_error(too_large.what()));
  }
  if (body.error()) return std::unexpected(*body.error());
  return request;
}

}  // namespace

Parsed<CompletionRequest> parse_completion_request(std::string_view json) {
  return parse<CompletionRequest>(json, [](RequestFields& body, CompletionRequest& request) {
    read_prompts(body, request);
    request.fields = read_generation_fields(body);
    request.fields.max_tokens = body.integer("max_tokens").value_or(kDefaultCompletionTokens);
    request.add_special_tokens = body.flag("add_special_tokens", true);
    request.echo = body.flag("echo", false);
    check_limits(body, request.fields, request.echo ? 0 : 1);
    if (body.has("suffix")) body.refuse(rule_error("suffix is not currently supported", "suffix"));
    read_completion_logprobs(body, request.fields, request.echo);
  });
}

Parsed<ChatRequest> parse_chat_request(std::string_view json) {
  return parse<ChatRequest>(json, [](RequestFields& body, ChatRequest& request) {
    request.conversation = read_conversation(body);
    request.fields = read_generation_fields(body);
    request.fields.max_tokens = body.integer("max_tokens");
    if (const auto limit = body.integer("max_completion_tokens")) {
      request.fields.max_tokens = limit;
      request.fields.max_tokens_name = "max_completion_tokens";
    }
    check_limits(body, request.fields, 1);
    request.conversation.tools = read_tools(body, request.reads_tools);
    request.parallel_tool_calls = body.flag("parallel_tool_calls", true);
    read_chat_logprobs(body, request.fields);
    request.echo = body.flag("echo", false);
  });
}

Parsed<TokenizeRequest> parse_tokenize_request(std::string_view json) {
  return parse<TokenizeRequest>(json, [](RequestFields& body, TokenizeRequest& request) {
    request.model = body.text("model");
    request.return_token_strs = body.flag("return_token_strs", false);
    if (body.has("messages")) {
      Conversation conversation = read_conversation(body);
      bool reads_tools = false;
      conversation.tools = read_tools(body, reads_tools);
      request.add_special_tokens = conversation.add_special_tokens;
      request.input = std::move(conversation);
      return;
    }
    request.add_special_tokens = body.flag("add_special_tokens", true);
    const auto prompt = body.text("prompt");
    if (!prompt) body.mistype("missing", "prompt", "Field required");
    request.input = prompt.value_or("");
  });
}

Parsed<DetokenizeRequest> parse_detokenize_request(std::string_view json) {
  return parse<DetokenizeRequest>(json, [](RequestFields& body, DetokenizeRequest& request) {
    request.model = body.text("model");
    if (!body.has("tokens")) body.mistype("missing", "tokens", "Field required");
    read_ids(body, "tokens", request.tokens);
  });
}

}  // namespace sluice::worker
