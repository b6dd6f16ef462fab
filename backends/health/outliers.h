#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "gateway/runtime/time_source.h"

namespace sluice {

// What one endpoint of a cluster did in a stretch of time.
struct EndpointConduct {
  std::uint64_t attempts = 0;  // with a verdict
  std::uint64_t faults = 0;
  std::uint64_t first_tokens = 0;
  Duration mean_first_token{0};  // from the request to its first token
  std::uint64_t gaps = 0;
  Duration mean_gap{0};  // between two tokens of a stream
};

// When an endpoint behaves so much worse than the others that it gets no more requests for a while.
struct OutlierPolicy {
  double fault_share = 0.5;  // of the attempts, where the median endpoint has less; 0: off
  std::uint64_t least_attempts = 10;
  double first_token_factor = 5;                  // times the median endpoint's mean; 0: off
  double gap_factor = 5;                          // the same of the time between tokens; 0: off
  std::uint64_t least_samples = 10;               // first tokens or gaps, to be compared at all
  double max_ejected = 0.3;                       // share of the endpoints; of two or more one always may be
  Duration eject_for = std::chrono::seconds(10);  // the first time; each further time as much longer
  Duration max_eject = std::chrono::minutes(5);
};

enum class OutlierReason : std::uint8_t { kNone, kFaults, kFirstToken, kTokenGap };

// Which endpoints stand out, one reason each. Pure.
//
// The median is the lower one, so that of two endpoints the better is the measure. One without enough of a
// figure is not judged by it, and counts for no median.
std::vector<OutlierReason> find_outliers(std::span<const EndpointConduct> endpoints,
                                         const OutlierPolicy& policy);

// One endpoint's ejections.
struct Ejection {
  OutlierReason reason = OutlierReason::kNone;  // none: not ejected
  TimePoint until{};
  std::uint32_t times = 0;  // how often in a row; sinks while it behaves
  TimePoint returned_at{};  // from the last ejection; slow start counts from here
};

// Ends the ejections whose time is up, then ejects the outliers among the others, worst reason first in the
// order of the endpoints, as long as the policy's share allows. Pure but for `ejections`, one for each
// endpoint.
void eject_outliers(std::span<const EndpointConduct> endpoints, const OutlierPolicy& policy, TimePoint now,
                    std::span<Ejection> ejections);

// What part of its weight an endpoint has, so long after it came (back): from a tenth, in a straight line, to
// all of it.
double slow_start_share(Duration since, Duration slow_start);

// Whether so few endpoints are left that being ejected or unhealthy must not count any more: fewer than
// `share` of them.
bool is_panic(std::size_t usable, std::size_t all, double share);

}  // namespace sluice
