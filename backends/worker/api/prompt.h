#pragma once

#include <string>
#include <string_view>

#include "backends/worker/api/api_request.h"
#include "backends/worker/api/served_model.h"
#include "gateway/runtime/time_source.h"

namespace sluice::worker {

// The conversation as the model was trained to read it, by templates that may ask for the date in UTC. One
// whose last message is to be continued ends with that message's content.
Parsed<std::string> render_conversation(const ServedModel& model, const Conversation& conversation,
                                        WallTime now);

// The tokens of a text. Refuses one that cannot fit the model's context before any work is done on it, unless
// `bounded` is off.
Parsed<TokenIds> tokenize(const ServedModel& model, std::string_view text, bool add_special_tokens,
                          bool bounded = true);

// Leaves the last tokens of a prompt that asks to be truncated; refuses to leave more than the context holds.
// `kept_free`: tokens of the context that -1 leaves for the answer.
std::optional<ApiError> truncate(const ServedModel& model, const PromptFields& fields, std::int64_t kept_free,
                                 TokenIds& prompt);

// Why a prompt cannot be computed: it is empty, or has ids beyond the vocabulary.
std::optional<ApiError> find_fault(const ServedModel& model, const TokenIds& prompt);

// How many tokens the answer may have: the smallest of the request's limit, the checkpoint's and what the
// context leaves. Refuses what find_fault does, a prompt that is too long, and a request for more than the
// context holds.
Parsed<std::int32_t> answer_limit(const ServedModel& model, const TokenIds& prompt,
                                  const GenerationFields& fields);

}  // namespace sluice::worker
