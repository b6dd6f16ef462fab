#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "backends/cluster/load_balancer.h"

namespace sluice {

// An endpoint as the hashing balancers know it. Its keys follow its name, not its place in the list.
struct HashMember {
  std::string name;
  std::uint32_t weight = 1;
};

// Both send equal keys to the same candidate, in proportion to weights, in every shard alike. A key whose
// candidate is not eligible goes to the next in the table's order, the same one each time. Candidates are the
// members, in the same order. Building costs up to 2 ms for a thousand members; a pick is a search.

// A hash ring (Karger et al. 1997; points as in ketama): kRingPoints for the heaviest member, in proportion
// for the others, at least one. A member that leaves moves only its own keys, one that comes takes only its
// own, unless the largest weight changes. Shares are within about 25 % of the weights.
inline constexpr std::uint32_t kRingPoints = 160;
std::unique_ptr<LoadBalancer> make_ring_hash(std::span<const HashMember> members);

// Maglev's table (Eisenbud et al. 2016) of kMaglevSlots, a prime: shares within a few percent of the weights,
// at the price of a few keys of others that move when a member comes or goes.
inline constexpr std::uint32_t kMaglevSlots = 65537;
std::unique_ptr<LoadBalancer> make_maglev(std::span<const HashMember> members);

}  // namespace sluice
