#include "backends/cluster/hash_balancers.h"

#include <algorithm>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace sluice {
namespace {

std::uint64_t hash(const std::string& text, std::uint64_t seed) {
  return XXH3_64bits_withSeed(text.data(), text.size(), seed);
}

std::uint32_t heaviest(std::span<const HashMember> members) {
  std::uint32_t weight = 0;
  for (const HashMember& m : members)
    weight = std::max(weight, m.weight);
  return weight;
}

// A table whose entries name candidates. What differs is its making and where a key begins in it.
class HashTable : public LoadBalancer {
 public:
  std::optional<std::size_t> pick(std::span<const Candidate> candidates, std::uint64_t key, Random&) final {
    const bool any = std::ranges::any_of(candidates, usable);
    if (!any || owners_.empty()) return std::nullopt;
    const std::size_t begin = place(key);
    for (std::size_t i = 0; i < owners_.size(); ++i) {
      const std::uint32_t owner = owners_[(begin + i) % owners_.size()];
      if (usable(candidates[owner])) return owner;
    }
    return std::nullopt;
  }

 protected:
  virtual std::size_t place(std::uint64_t key) const = 0;

  std::vector<std::uint32_t> owners_;
};

class RingHash final : public HashTable {
 public:
  explicit RingHash(std::span<const HashMember> members) {
    const std::uint64_t most = heaviest(members);
    std::vector<std::pair<std::uint64_t, std::uint32_t>> points;
    for (std::uint32_t i = 0; i < members.size(); ++i) {
      const std::uint64_t weight = members[i].weight;
      if (weight == 0) continue;
      const std::uint64_t count = std::max<std::uint64_t>(1, weight * kRingPoints / most);
      for (std::uint64_t n = 0; n < count; ++n)
        points.emplace_back(hash(members[i].name, n), i);
    }
    // By the name where two points are equal, so that the order of the list never matters.
    std::ranges::sort(points, [&](const auto& a, const auto& b) {
      return std::tie(a.first, members[a.second].name) < std::tie(b.first, members[b.second].name);
    });
    for (const auto& [point, owner] : points) {
      points_.push_back(point);
      owners_.push_back(owner);
    }
  }

 private:
  std::size_t place(std::uint64_t key) const override {
    const auto next = std::ranges::lower_bound(points_, key);
    return next == points_.end() ? 0 : static_cast<std::size_t>(next - points_.begin());
  }

  std::vector<std::uint64_t> points_;
};

class Maglev final : public HashTable {
 public:
  explicit Maglev(std::span<const HashMember> members) {
    std::vector<Turn> turns;
    for (std::uint32_t i = 0; i < members.size(); ++i) {
      if (members[i].weight == 0) continue;
      turns.push_back(
          {.owner = i,
           .weight = members[i].weight,
           .slot = static_cast<std::uint32_t>(hash(members[i].name, 1) % kMaglevSlots),
           .skip = static_cast<std::uint32_t>(hash(members[i].name, 2) % (kMaglevSlots - 1) + 1)});
    }
    if (turns.empty()) return;
    // The paper's order of turns is the list's; ours is the names', so that it never matters.
    std::ranges::sort(turns, {}, [&](const Turn& t) { return std::string_view(members[t.owner].name); });
    fill(turns, heaviest(members));
  }

 private:
  // A member's walk through its permutation of the slots.
  struct Turn {
    std::uint32_t owner;
    std::uint64_t weight;
    std::uint32_t slot;
    std::uint32_t skip;
    std::uint64_t due = 0;  // a slot is due when this many weights were earned
  };
  static constexpr std::uint32_t kFree = UINT32_MAX;

  void fill(std::vector<Turn>& turns, std::uint64_t most) {
    owners_.assign(kMaglevSlots, kFree);
    std::uint32_t filled = 0;
    for (std::uint64_t round = 1;; ++round) {
      for (Turn& turn : turns) {
        if (round * turn.weight < turn.due) continue;
        turn.due += most;
        while (owners_[turn.slot] != kFree)
          turn.slot = (turn.slot + turn.skip) % kMaglevSlots;
        owners_[turn.slot] = turn.owner;
        if (++filled == kMaglevSlots) return;
      }
    }
  }

  std::size_t place(std::uint64_t key) const override { return key % kMaglevSlots; }
};

}  // namespace

std::unique_ptr<LoadBalancer> make_ring_hash(std::span<const HashMember> members) {
  return std::make_unique<RingHash>(members);
}
std::unique_ptr<LoadBalancer> make_maglev(std::span<const HashMember> members) {
  return std::make_unique<Maglev>(members);
}

}  // namespace sluice
