#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "gateway/runtime/random.h"
#include "perf/load/plan.h"

namespace sluice::load {

// Plans by chance: the same ones, in the same order, for the same seed.
class Dice {
 public:
  explicit Dice(std::uint64_t seed) : random_(seed) {}

  // A client that leaves, in any state that an exchange can be in, with an orderly end or a reset.
  Plan leaver();
  // Any client: well-behaved, pipelining, slow, leaving or malformed.
  Plan visitor();

 private:
  std::uint64_t below(std::uint64_t bound) { return random_.below(bound); }
  // Both included.
  std::uint64_t between(std::uint64_t low, std::uint64_t high) { return low + below(high - low + 1); }
  Nanos milliseconds(std::uint64_t low, std::uint64_t high);
  std::string body();
  // A request for a short answer of any kind, whole.
  std::string request();
  // A request for an answer that is too long to wait for, and bytes that come of it at the least.
  std::pair<std::string, std::uint64_t> long_request();

  Plan keeps_alive();
  Plan pipelines();
  Plan writes_slowly();
  Plan reads_slowly();
  Plan uploads();
  Plan idles();
  Plan malformed();

  Random random_;
};

// How many kinds of slow clients there are, and the plan of one: the head byte by byte, the body byte by
// byte, never reading, idle from the start, half-closed.
constexpr std::size_t kSlowKinds = 5;
Plan slow_plan(std::size_t kind);

}  // namespace sluice::load
