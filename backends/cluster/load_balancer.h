#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "gateway/runtime/random.h"

namespace sluice {

// What a load balancer looks at, one entry per endpoint of a cluster, in the cluster's order.
struct Candidate {
  std::uint32_t weight = 1;
  std::int64_t in_flight = 0;
  bool eligible = true;  // not tried by this call and not avoided
};

inline bool usable(const Candidate& candidate) noexcept {
  return candidate.eligible && candidate.weight != 0;
}

// Chooses among endpoints. Pure but for its own turn-keeping; one per cluster and shard. Threads: its
// shard's.
class LoadBalancer {
 public:
  virtual ~LoadBalancer() = default;
  // The index of an eligible candidate with a weight above zero; nullopt if there is none. `key` is the
  // hash of what tells requests apart; only hashing balancers heed it.
  virtual std::optional<std::size_t> pick(std::span<const Candidate> candidates, std::uint64_t key,
                                          Random& random) = 0;

  // What each candidate is owed, in the candidates' order, for the balancer that takes over when endpoints
  // come and go: without it every change would begin the round anew, and the first endpoints of the list
  // would get more than their share. Empty where a balancer keeps no turns.
  virtual std::vector<std::int64_t> credit() const { return {}; }
  virtual void take_over_credit(std::span<const std::int64_t> /*credit*/) {}
};

// Each in turn, in proportion to weights: smooth weighted round robin over the eligible.
std::unique_ptr<LoadBalancer> make_round_robin();

// Power of two choices (Mitzenmacher 2001): of two drawn at random, the one with less work in flight for its
// weight. The work is counted for the whole process, so shards do not pile onto the same endpoint.
std::unique_ptr<LoadBalancer> make_least_loaded();

}  // namespace sluice
