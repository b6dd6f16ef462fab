#pragma once

#include <cstdint>
#include <optional>

namespace sluice::worker {

// How the API is to misbehave, for tests of what stands in front of it.
struct ApiFaults {
  std::optional<int> status = {};  // of every request for answers, instead of one
  // Tokens of a request's answers; then as if the engine had failed on it.
  std::optional<std::int64_t> fail_after = {};
  std::int64_t extra_usage = 0;  // completion tokens that were never generated
};

}  // namespace sluice::worker
