#pragma once

#include "backends/worker/api/api_request.h"
#include "backends/worker/api/request_fields.h"

namespace sluice::worker {

// Reads what a chat template is rendered with from the body of a chat or tokenize request.
Conversation read_conversation(RequestFields& body);

}  // namespace sluice::worker
