#include <fmt/format.h>

#include <stdexcept>

#include "backends/worker/api/api_request.h"
#include "backends/worker/api/conversation.h"
#include "backends/worker/api/generation_fields.h"
#include "backends/worker/api/prompt_fields.h"
#include "backends/worker/api/request_fields.h"

namespace sluice::worker {
namespace {

constexpr std::int64_t kDefaultCompletionTokens = 16;
constexpr std::size_t kMostCompletionPrompts = 1024;  // vLLM's VLLM_MAX_COMPLETION_PROMPTS
constexpr std::size_t kMostEmbeddings = 2048;         // OpenAI's

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

EmbeddingStyle read_embedding_style(RequestFields& body) {
  EmbeddingStyle style;
  const auto format = body.literal("encoding_format", {"float", "base64", "bytes", "bytes_only"});
  if (format && format->starts_with("bytes")) {
    body.refuse(unsupported("encoding_format " + *format, "encoding_format"));
  }
  style.as_base64 = format == "base64";
  const auto type = body.literal("embed_dtype", {"float32", "float16", "bfloat16", "fp8_e4m3", "fp8_e5m2"});
  if (type && type->starts_with("fp8")) body.refuse(unsupported("embed_dtype " + *type, "embed_dtype"));
  if (type == "float16") style.type = EmbeddingType::kFloat16;
  if (type == "bfloat16") style.type = EmbeddingType::kBfloat16;
  style.big_endian = body.literal("endianness", {"native", "big", "little"}) == "big";
  if (body.has("normalize"))
    body.refuse(rule_error("normalize has given way to use_activation.", "normalize"));
  if (body.has("use_activation")) style.normalised = body.flag("use_activation", true);
  style.dimensions = body.integer("dimensions");
  return style;
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
    if (!body.has("prompt")) {
      body.refuse(body.has("prompt_embeds")
                      ? unsupported("prompt_embeds")
                      : rule_error("Either prompt or prompt_embeds must be provided.", "prompt"));
    }
    request.prompts = read_prompts(body, "prompt", kMostCompletionPrompts);
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
    request.tokens = read_ids(body, "tokens");
  });
}

Parsed<EmbeddingRequest> parse_embedding_request(std::string_view json) {
  return parse<EmbeddingRequest>(json, [](RequestFields& body, EmbeddingRequest& request) {
    static_cast<PromptFields&>(request) = read_prompt_fields(body);
    request.style = read_embedding_style(body);
    if (body.has("messages")) {
      request.input = read_conversation(body, false);
      return;
    }
    if (!body.has("input")) body.mistype("missing", "input", "Field required");
    request.input = read_prompts(body, "input", kMostEmbeddings);
    request.add_special_tokens = body.flag("add_special_tokens", true);
  });
}

}  // namespace sluice::worker
