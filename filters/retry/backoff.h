#pragma once

#include <cstdint>
#include <optional>

#include "gateway/runtime/random.h"
#include "gateway/runtime/time_source.h"

namespace sluice {

// Both above zero.
struct BackoffPolicy {
  Duration base = std::chrono::milliseconds(25);
  Duration most = std::chrono::seconds(1);
};

// How long to wait before retry `retry` (the first is 1): anything from nothing to base, twice that before
// the second, and so on up to `most` ("full jitter", Brooker, AWS Architecture Blog, 2015).
//
// `retry_after`: when the endpoint that is to be asked again said to come back; not that of another. The wait
// begins behind it, or all who were told the same would come together. None if it is longer than `most`: then
// another answer is due.
std::optional<Duration> backoff(std::uint32_t retry, std::optional<Duration> retry_after,
                                const BackoffPolicy& policy, Random& random);

}  // namespace sluice
