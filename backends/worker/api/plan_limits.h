#pragma once

#include <cstdint>
#include <optional>

#include "backends/worker/api/api_error.h"
#include "backends/worker/api/generation.h"
#include "backends/worker/engine/engine_options.h"

namespace sluice::worker {

// How many logprobs one request may make this server keep: of all its answers, and of the prompt once for
// each of them. 60 bytes each while it is answered; a prompt of 128k tokens with 20 most probable ones
// has 2.7 million.
inline constexpr std::int64_t kMostLogprobs = 4'000'000;

ApiError queue_full();

// Why a plan costs more than one request may, found before anything is built of it: more answers than may
// wait at all, or more than kMostLogprobs.
std::optional<ApiError> find_excess(const GenerationPlan& plan, const EngineOptions& options);

}  // namespace sluice::worker
