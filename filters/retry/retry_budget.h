#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "gateway/runtime/time_source.h"

namespace sluice {

// How many retries there may be for the calls there are: whatever each call's number of attempts, a fleet
// that is down gets at most this share of requests on top.
struct RetryBudgetPolicy {
  double share = 0.2;     // of the calls of the last ten seconds; 0 to 1
  double per_second = 1;  // on top of that, so that little traffic may retry too
};

// One shard's budget of retries towards one cluster: what holds on each shard holds for their sum, so that no
// number is shared. Counts, not what runs at a time: a retry that fails at once would come back at once, and
// a thousand long streams would pay for it.
//
// In any ten seconds there are at most share × calls + 10 × per_second retries, give or take a second's calls
// at the edge. Threads: its shard's. Times must not go back.
class RetryBudget {
 public:
  // A call began: its first attempt.
  void count_call(TimePoint now) noexcept { part(now).calls += 1; }

  // Whether another attempt may be made, which is counted if so.
  [[nodiscard]] bool take(TimePoint now, const RetryBudgetPolicy& policy) noexcept;

 private:
  static constexpr std::size_t kParts = 10;
  static constexpr Duration kPart = std::chrono::seconds(1);

  struct Part {
    std::int64_t number = -1;  // of the second that it counts
    std::uint64_t calls = 0;
    std::uint64_t retries = 0;
  };
  static std::int64_t number_of(TimePoint now) noexcept { return now.time_since_epoch() / kPart; }
  Part& part(TimePoint now) noexcept;

  std::array<Part, kParts> parts_{};
};

}  // namespace sluice
