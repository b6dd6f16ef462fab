#pragma once

#include "backends/worker/api/api_request.h"
#include "backends/worker/api/request_fields.h"

namespace sluice::worker {

// Reads and checks the members that chat and completions share, `max_tokens` apart.
GenerationFields read_generation_fields(RequestFields& body);

}  // namespace sluice::worker
