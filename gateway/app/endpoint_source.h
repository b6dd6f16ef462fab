#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "config/config.h"
#include "gateway/runtime/task.h"
#include "gateway/runtime/time_source.h"

namespace sluice {

// How one look for endpoints ended: a metric's label and what operators read.
enum class DiscoveryOutcome : std::uint8_t {
  kOk,
  kPartial,        // some of what was asked failed: its last good part stays
  kNoName,         // NXDOMAIN
  kEmpty,          // the name is there and has no addresses, or no services
  kServerFailure,  // SERVFAIL, REFUSED and the like
  kMalformed,
  kTimeout,
  kUnreachable,  // no name server could be asked
  kUnreadable,   // the file is missing, or cannot be read
  kInvalid,      // the file has errors
};
inline constexpr int kDiscoveryOutcomeCount = static_cast<int>(DiscoveryOutcome::kInvalid) + 1;

std::string_view name(DiscoveryOutcome outcome) noexcept;
inline bool brought_endpoints(DiscoveryOutcome outcome) noexcept {
  return outcome == DiscoveryOutcome::kOk || outcome == DiscoveryOutcome::kPartial;
}

struct Finding {
  DiscoveryOutcome outcome = DiscoveryOutcome::kOk;
  std::string problem = {};  // for operators; empty with kOk
  // All there are, in any order and perhaps twice; empty unless the outcome brought endpoints.
  std::vector<config::Endpoint> endpoints = {};
  Duration time_to_live = Duration::max();  // how long they may be kept without asking again
};

// Where a cluster's endpoints come from. Threads: its loop's.
class EndpointSource {
 public:
  virtual ~EndpointSource() = default;
  // Ends within a bounded time. Destroying the task withdraws what was asked.
  virtual Task<Finding> find() = 0;
};

}  // namespace sluice
