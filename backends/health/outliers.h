#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "gateway/runtime/time_source.h"

namespace sluice {

// What one endpoint of a cluster did in the last stretch of time.
struct EndpointConduct {
  std::uint64_t attempts = 0;  // with a verdict
  std::uint64_t faults = 0;
  std::uint64_t first_tokens = 0;
  Duration mean_first_token{0};  // from the request to its first token
  std::uint64_t gaps = 0;
  Duration mean_gap{0};  // between two tokens of a stream
};

// When an endpoint behaves so much worse than the others that it gets no more requests for a while. A factor
// or a share of 0 turns its rule off; the configuration sees to the rest of what it says here.
struct OutlierPolicy {
  Duration stretch = std::chrono::seconds(30);  // that conducts cover
  // Faults: so great a share, and so much more than the median endpoint's.
  double fault_share = 0.5;
  double fault_margin = 0.3;
  std::uint64_t least_attempts = 10;
  // Tokens: so many times the median endpoint's mean, and so much longer: what differs by less nobody
  // notices.
  double first_token_factor = 5;  // at least 1, or 0
  Duration first_token_margin = std::chrono::seconds(1);
  double gap_factor = 5;  // likewise
  Duration gap_margin = std::chrono::milliseconds(50);
  std::uint64_t least_samples = 50;  // first tokens or gaps, to be compared at all
  double max_ejected = 0.3;          // share of the endpoints, 0 to 1; of two or more one may be, never all
  Duration eject_for = std::chrono::seconds(10);  // the first time; each further time as much longer
  Duration max_eject = std::chrono::minutes(5);
};

enum class OutlierReason : std::uint8_t { kNone, kFaults, kFirstToken, kTokenGap };

// One endpoint's ejections.
struct Ejection {
  OutlierReason reason = OutlierReason::kNone;  // none: not ejected
  TimePoint until{};
  std::uint32_t times = 0;  // how often, less one for each stretch and eject_for that it has behaved
  TimePoint returned_at{};  // from the last ejection; slow start counts from here
  TimePoint forgiven_at{};  // when `times` sank last, or it returned
};

// An endpoint that is watched.
struct WatchedEndpoint {
  EndpointConduct conduct = {};
  bool is_out = false;  // gets no requests for another reason: an open breaker, a failed check, no weight
  Ejection ejection = {};
};

// How far an endpoint stands out, and by what.
struct Outlier {
  OutlierReason reason = OutlierReason::kNone;
  double severity = 0;  // times its limit
};

// Which endpoints stand out, one for each. Pure.
//
// The median is the lower one, so that of two endpoints the better is the measure. One without enough of a
// figure is not judged by it and counts for no median, like one that is out or came back less than a stretch
// ago: what is known of it is old.
std::vector<Outlier> find_outliers(std::span<const WatchedEndpoint> endpoints, const OutlierPolicy& policy,
                                   TimePoint now);

// Ends the ejections whose time is up, forgives, then ejects the outliers, the worst first, as long as the
// policy's share allows; those that are out anyway count among it.
void eject_outliers(std::span<WatchedEndpoint> endpoints, const OutlierPolicy& policy, TimePoint now);

// What part of its weight an endpoint has, so long after it came (back): from a tenth, in a straight line, to
// all of it.
double slow_start_share(Duration since, Duration slow_start);

// Whether so few endpoints are left that being ejected or unhealthy must not count any more: fewer than
// `share` of them.
bool is_panic(std::size_t usable, std::size_t all, double share);

}  // namespace sluice
