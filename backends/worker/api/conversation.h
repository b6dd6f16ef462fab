#pragma once

#include "backends/worker/api/api_request.h"
#include "backends/worker/api/request_fields.h"

namespace sluice::worker {

// Reads what a chat template is rendered with from the body of a request with messages.
// `add_generation_prompt`: what holds where the request does not say.
Conversation read_conversation(RequestFields& body, bool add_generation_prompt = true);

}  // namespace sluice::worker
