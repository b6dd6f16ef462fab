#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "backends/worker/api/json_writer.h"
#include "backends/worker/api/logprob_text.h"

namespace sluice::worker {

// Each writes one JSON value.

// {"content": […]}: a list of tokens, each with the first `top` (-1: all) of what is known of its position.
void write_chat_logprobs(JsonWriter& json, const std::vector<NamedLogprobs>& positions, std::int64_t top);

// {"text_offset": […], "token_logprobs": […], "tokens": […], "top_logprobs": […]}; `offset`: characters of
// the names before these.
void write_completion_logprobs(JsonWriter& json, const std::vector<NamedLogprobs>& positions,
                               std::size_t offset);

// [null, {"<id>": {"logprob", "rank", "decoded_token"}}, …]
void write_prompt_logprobs(JsonWriter& json, const std::vector<NamedLogprobs>& positions);

}  // namespace sluice::worker
