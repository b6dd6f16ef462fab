#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "backends/worker/api/answer_text.h"
#include "backends/worker/api/api_error.h"
#include "backends/worker/api/sampling_fields.h"
#include "gateway/llm/text/jinja/value.h"

namespace sluice::worker {

using TokenIds = std::vector<std::int32_t>;

// A text, or its tokens.
using PromptInput = std::variant<std::string, TokenIds>;

// What all requests with prompts may say. Everything here and below was checked as far as it can be without
// the model.
struct PromptFields {
  std::optional<std::string> model;
  std::optional<std::string> request_id;
  std::optional<std::int64_t> priority;
  std::string cache_salt;
  std::optional<std::int64_t> truncate_prompt_tokens;  // keep the last ones; -1: as many as the context holds
};

// What both kinds of generation may say.
struct GenerationFields : PromptFields {
  bool stream = false;
  bool include_usage = false;
  bool continuous_usage = false;
  std::optional<std::int64_t> max_tokens;
  std::string_view max_tokens_name = "max_tokens";  // the member it came from
  bool ignore_eos = false;
  std::vector<std::int32_t> stop_token_ids;
  TextOptions text;
  SamplingFields sampling;
  bool return_token_ids = false;
  std::optional<bool> tokens_as_ids;  // return_tokens_as_token_ids
  std::int64_t stream_interval = 1;   // tokens of a frame, but for the first and the last
};

// POST /v1/completions.
struct CompletionRequest {
  GenerationFields fields;
  std::vector<PromptInput> prompts;  // at least one
  bool add_special_tokens = true;
  bool echo = false;
};

// What is rendered with the model's chat template.
struct Conversation {
  jinja::List messages;  // normalised: content is a string, arguments of tool calls are objects
  jinja::List tools;
  bool add_generation_prompt = true;
  bool continue_final_message = false;  // the text ends where the last message's content ends
  jinja::Dict template_variables;       // further ones: chat_template_kwargs, documents, reasoning_effort
  bool add_special_tokens = false;
};

// POST /v1/chat/completions.
struct ChatRequest {
  GenerationFields fields;
  Conversation conversation;
  bool echo = false;  // put the last message's content in front of the answer, if its role is the answer's
  bool reads_tools = false;  // tool_choice is auto: calls in the answer's text are told as such
  bool parallel_tool_calls = true;
};

enum class EmbeddingType { kFloat32, kFloat16, kBfloat16 };

// How embeddings are to be told.
struct EmbeddingStyle {
  bool as_base64 = false;  // of the numbers' bytes, as `type` and `big_endian` say
  EmbeddingType type = EmbeddingType::kFloat32;
  bool big_endian = false;
  std::optional<bool> normalised;  // use_activation; the model's way if not said
  std::optional<std::int64_t> dimensions;
};

// POST /v1/embeddings.
struct EmbeddingRequest : PromptFields {
  std::variant<std::vector<PromptInput>, Conversation> input;
  bool add_special_tokens = true;  // of texts
  EmbeddingStyle style;
};

// POST /tokenize.
struct TokenizeRequest {
  std::optional<std::string> model;
  std::variant<std::string, Conversation> input;
  bool add_special_tokens = true;
  bool return_token_strs = false;
};

// POST /detokenize.
struct DetokenizeRequest {
  std::optional<std::string> model;
  TokenIds tokens;
};

// Each reads a request's body. Members that vLLM does not know are ignored; those that it knows and this
// server does not honour are refused by name.
Parsed<CompletionRequest> parse_completion_request(std::string_view json);
Parsed<ChatRequest> parse_chat_request(std::string_view json);
Parsed<EmbeddingRequest> parse_embedding_request(std::string_view json);
Parsed<TokenizeRequest> parse_tokenize_request(std::string_view json);
Parsed<DetokenizeRequest> parse_detokenize_request(std::string_view json);

}  // namespace sluice::worker
