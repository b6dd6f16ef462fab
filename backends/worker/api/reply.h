#pragma once

#include <string>
#include <string_view>

#include "backends/worker/api/api_error.h"
#include "gateway/http/stream.h"

namespace sluice::worker {

inline constexpr std::string_view kJsonType = "application/json";

// Answers with a whole body; `type` is empty where there is no body.
Task<Result<void>> reply(ResponseWriter& client, int status, std::string_view type, std::string body);
Task<Result<void>> reply(ResponseWriter& client, const ApiError& error);

}  // namespace sluice::worker
