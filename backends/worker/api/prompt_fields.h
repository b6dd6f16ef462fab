#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

#include "backends/worker/api/api_request.h"
#include "backends/worker/api/request_fields.h"

namespace sluice::worker {

// Reads and checks the members that all requests with prompts share.
PromptFields read_prompt_fields(RequestFields& body);

// Token ids, each zero or more. One beyond every vocabulary is cut to the largest of 32 bits: what is wrong
// with it is said later, with the vocabulary's size.
TokenIds read_ids(RequestFields& body, std::string_view name);

// Prompts: a string or a list of ids, or a list of up to `most` of those. Nothing if the member is absent.
std::vector<PromptInput> read_prompts(RequestFields& body, std::string_view name, std::size_t most);

}  // namespace sluice::worker
