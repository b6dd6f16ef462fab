#include "backends/cluster/load_balancer.h"

#include <gtest/gtest.h>

#include <vector>

namespace sluice {
namespace {

class LoadBalancerTest : public ::testing::Test {
 protected:
  std::vector<int> pick_many(LoadBalancer& balancer, const std::vector<Candidate>& candidates, int picks) {
    std::vector<int> counts(candidates.size());
    for (int i = 0; i < picks; ++i)
      ++counts[balancer.pick(candidates, 0, random_).value()];
    return counts;
  }

  Random random_{11};
  std::unique_ptr<LoadBalancer> round_robin_ = make_round_robin();
  std::unique_ptr<LoadBalancer> least_loaded_ = make_least_loaded();
};

TEST_F(LoadBalancerTest, NoneIsPickedWhereNoneIsEligibleOrHasAWeight) {
  for (LoadBalancer* balancer : {round_robin_.get(), least_loaded_.get()}) {
    EXPECT_EQ(balancer->pick({}, 0, random_), std::nullopt);
    const std::vector<Candidate> none{{1, 0, false}, {0, 0, true}};
    EXPECT_EQ(balancer->pick(none, 0, random_), std::nullopt);
  }
}

TEST_F(LoadBalancerTest, TheOnlyEligibleOneIsPickedHoweverLoaded) {
  const std::vector<Candidate> candidates{{1, 0, false}, {1, 1000, true}, {0, 0, true}};
  for (LoadBalancer* balancer : {round_robin_.get(), least_loaded_.get()})
    EXPECT_EQ(pick_many(*balancer, candidates, 50), (std::vector<int>{0, 50, 0}));
}

TEST_F(LoadBalancerTest, RoundRobinFollowsTheWeightsExactly) {
  EXPECT_EQ(pick_many(*round_robin_, {{3}, {1}, {2}}, 600), (std::vector<int>{300, 100, 200}));
}

TEST_F(LoadBalancerTest, RoundRobinKeepsProportionsWhileOneComesAndGoes) {
  std::vector<int> counts(3);
  for (int block = 0; block < 20; ++block) {
    std::vector<Candidate> candidates{{2}, {1}, {3}};
    candidates[2].eligible = block % 2 == 0;
    const std::vector<int> some = pick_many(*round_robin_, candidates, 30);
    for (std::size_t i = 0; i < counts.size(); ++i)
      counts[i] += some[i];
    if (!candidates[2].eligible) EXPECT_EQ(some[2], 0);
  }
  // 300 picks among all three, 300 among the first two.
  EXPECT_NEAR(counts[0], 100 + 200, 2);
  EXPECT_NEAR(counts[1], 50 + 100, 2);
  EXPECT_NEAR(counts[2], 150, 2);
}

TEST_F(LoadBalancerTest, RoundRobinDoesNotMakeUpForTheTimeAnEndpointWasAway) {
  pick_many(*round_robin_, {{1}, {1, 0, false}}, 1000);
  const std::vector<int> after = pick_many(*round_robin_, {{1}, {1}}, 10);
  EXPECT_NEAR(after[1], 5, 1);
}

// One of two is exchanged for a new one after each of its turns, when it leaves its debt behind.
TEST_F(LoadBalancerTest, RoundRobinGivesNewcomersTheirTurnHoweverManyCameAndLeft) {
  int newcomers = 0;
  auto balancer = make_round_robin();
  const std::vector<Candidate> two(2);
  for (int i = 0; i < 1000; ++i) {
    if (balancer->pick(two, 0, random_) != 1u) continue;
    ++newcomers;
    std::vector<std::int64_t> credit = balancer->credit();
    credit[1] = 0;
    balancer = make_round_robin();
    balancer->take_over_credit(credit);
  }
  EXPECT_GT(newcomers, 300);
}

TEST_F(LoadBalancerTest, LeastLoadedAlwaysPicksTheLessLoadedOfTwo) {
  EXPECT_EQ(pick_many(*least_loaded_, {{1, 3}, {1, 2}}, 200), (std::vector<int>{0, 200}));
}

TEST_F(LoadBalancerTest, LeastLoadedNeverPicksTheMostLoadedOfMany) {
  const std::vector<int> counts = pick_many(*least_loaded_, {{1, 1}, {1, 2}, {1, 9}, {1, 0}}, 2000);
  EXPECT_EQ(counts[2], 0);
  EXPECT_GT(counts[3], counts[0]);
  EXPECT_GT(counts[0], counts[1]);
}

TEST_F(LoadBalancerTest, LeastLoadedMeasuresWorkByWeight) {
  // With the request to be placed: 6/2 against 4/1.
  EXPECT_EQ(pick_many(*least_loaded_, {{2, 5}, {1, 3}}, 100), (std::vector<int>{100, 0}));
  // 8/2 against 3/1.
  EXPECT_EQ(pick_many(*least_loaded_, {{2, 7}, {1, 2}}, 100), (std::vector<int>{0, 100}));
}

TEST_F(LoadBalancerTest, LeastLoadedSpreadsOverEndpointsThatAreAlike) {
  for (const int count : pick_many(*least_loaded_, {{1}, {1}, {1}, {1}}, 4000))
    EXPECT_NEAR(count, 1000, 150);
}

}  // namespace
}  // namespace sluice
