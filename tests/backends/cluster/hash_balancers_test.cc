#include "backends/cluster/hash_balancers.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

namespace sluice {
namespace {

using Make = std::unique_ptr<LoadBalancer> (*)(std::span<const HashMember>);
using Members = std::vector<HashMember>;

constexpr int kKeys = 100'000;

Members members(std::size_t count) {
  Members out;
  for (std::size_t i = 0; i < count; ++i)
    out.push_back({"10.0.0." + std::to_string(i) + ":8000", 1});
  return out;
}

std::vector<Candidate> candidates(const Members& members) {
  std::vector<Candidate> out;
  for (const HashMember& m : members)
    out.push_back({m.weight});
  return out;
}

// The name that each of kKeys random keys goes to.
std::vector<std::string> owners(Make make, const Members& members) {
  const auto balancer = make(members);
  const auto list = candidates(members);
  Random keys(5);
  Random unused(1);
  std::vector<std::string> out;
  for (int i = 0; i < kKeys; ++i)
    out.push_back(members[balancer->pick(list, keys.next(), unused).value()].name);
  return out;
}

double share(const std::vector<std::string>& owners, const std::string& name) {
  return static_cast<double>(std::ranges::count(owners, name)) / kKeys;
}

// The part of the keys that moved although neither end is `name`.
double moved_needlessly(const std::vector<std::string>& a, const std::vector<std::string>& b,
                        const std::string& name) {
  int moved = 0;
  for (int i = 0; i < kKeys; ++i)
    moved += a[i] != b[i] && a[i] != name && b[i] != name;
  return static_cast<double>(moved) / kKeys;
}

class HashBalancersTest : public ::testing::TestWithParam<Make> {};
INSTANTIATE_TEST_SUITE_P(All, HashBalancersTest, ::testing::Values(&make_ring_hash, &make_maglev));

TEST_P(HashBalancersTest, WithoutMembersOrEligibleOnesNoneIsPicked) {
  Random random(1);
  EXPECT_EQ(GetParam()({})->pick({}, 1, random), std::nullopt);
  const Members two = members(2);
  const std::vector<Candidate> none{{1, 0, false}, {1, 0, false}};
  EXPECT_EQ(GetParam()(two)->pick(none, 1, random), std::nullopt);
  const Members weightless{{"a", 0}};
  EXPECT_EQ(GetParam()(weightless)->pick(std::vector<Candidate>{{0}}, 1, random), std::nullopt);
}

TEST_P(HashBalancersTest, TheOrderOfTheListDoesNotMatter) {
  Members reversed = members(7);
  std::ranges::reverse(reversed);
  EXPECT_EQ(owners(GetParam(), members(7)), owners(GetParam(), reversed));
}

TEST_P(HashBalancersTest, AKeyOfAnIneligibleMemberGoesToTheSameOtherEachTimeAndTheRestStay) {
  const Members four = members(4);
  const auto balancer = GetParam()(four);
  auto some = candidates(four);
  const auto all = some;
  some[2].eligible = false;
  Random keys(3);
  Random unused(1);
  for (int i = 0; i < 1000; ++i) {
    const std::uint64_t key = keys.next();
    const std::size_t before = balancer->pick(all, key, unused).value();
    const std::size_t without = balancer->pick(some, key, unused).value();
    EXPECT_NE(without, 2u);
    if (before != 2) EXPECT_EQ(without, before);
    EXPECT_EQ(balancer->pick(some, key, unused), without);
  }
}

TEST(RingHashTest, SharesFollowWeightsWithinThirtyPercent) {
  Members m = members(5);
  m[0].weight = 4;
  const auto o = owners(&make_ring_hash, m);
  EXPECT_NEAR(share(o, m[0].name), 0.5, 0.15);
  for (std::size_t i = 1; i < 5; ++i)
    EXPECT_NEAR(share(o, m[i].name), 0.125, 0.0375);
}

TEST(RingHashTest, AMemberThatLeavesMovesItsOwnKeysOnly) {
  const auto ten = owners(&make_ring_hash, members(10));
  const auto nine = owners(&make_ring_hash, members(9));
  EXPECT_EQ(moved_needlessly(ten, nine, "10.0.0.9:8000"), 0.0);
  EXPECT_LT(share(ten, "10.0.0.9:8000"), 0.13);
}

TEST(MaglevTest, SharesFollowWeightsWithinThreePercent) {
  Members m = members(5);
  m[0].weight = 4;
  const auto o = owners(&make_maglev, m);
  EXPECT_NEAR(share(o, m[0].name), 0.5, 0.015);
  for (std::size_t i = 1; i < 5; ++i)
    EXPECT_NEAR(share(o, m[i].name), 0.125, 0.00375);
}

TEST(MaglevTest, AMemberThatLeavesMovesFewOfTheOthersKeys) {
  const auto ten = owners(&make_maglev, members(10));
  const auto nine = owners(&make_maglev, members(9));
  EXPECT_LT(moved_needlessly(ten, nine, "10.0.0.9:8000"), 0.05);
}

}  // namespace
}  // namespace sluice
