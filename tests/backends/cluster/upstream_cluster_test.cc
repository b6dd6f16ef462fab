#include "backends/cluster/upstream_cluster.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>

#include "tests/support/memory_gateway.h"

namespace sluice::test {
namespace {

class UpstreamClusterTest : public ::testing::Test {
 protected:
  UpstreamClusterTest() : gateway_({.clusters = {{.endpoints = {"one:1", "two:1", "three:1"}}}}) {}

  using Indices = std::vector<std::size_t>;

  std::size_t pick(const Indices& tried_indices, const std::vector<std::string>& tags = {}) {
    std::vector<std::shared_ptr<const EndpointState>> tried;
    for (const std::size_t i : tried_indices)
      tried.push_back(endpoints()[i]->state);
    const auto picked = gateway_.cluster().pick({.tried = tried, .tags = tags}).value();
    return static_cast<std::size_t>(std::ranges::find(endpoints(), picked) - endpoints().begin());
  }
  const EndpointSet& endpoints() { return gateway_.cluster().endpoints(); }
  // The endpoint with something changed, in the same place.
  void change(std::size_t index, const std::function<void(ClusterEndpoint&)>& edit) {
    EndpointSet changed = endpoints();
    ClusterEndpoint copy = *changed[index];
    edit(copy);
    changed[index] = std::make_shared<const ClusterEndpoint>(std::move(copy));
    gateway_.cluster().set_endpoints(std::move(changed));
  }
  void avoid(std::size_t index) {
    gateway_.endpoint(index).avoid(gateway_.loop.now() + UpstreamCluster::kAvoidAfterConnectFailure);
  }

  MemoryGateway gateway_;
};

TEST_F(UpstreamClusterTest, AnEndpointThatFailedThisCallIsNotPickedAgain) {
  for (int i = 0; i < 6; ++i)
    EXPECT_EQ(pick({0, 2}), 1u);
}

TEST_F(UpstreamClusterTest, AnEndpointThatRefusedOthersIsPickedOnlyWhereNoOtherIsLeft) {
  avoid(0);
  avoid(2);
  EXPECT_EQ(pick({}), 1u);
  EXPECT_EQ(pick({2}), 1u);
  EXPECT_EQ(pick({1, 2}), 0u);
}

TEST_F(UpstreamClusterTest, AvoidingEndsAfterASecond) {
  avoid(1);
  avoid(2);
  gateway_.t.advance(UpstreamCluster::kAvoidAfterConnectFailure);
  std::vector<int> counts(3);
  for (int i = 0; i < 30; ++i)
    ++counts[pick({})];
  EXPECT_NEAR(counts[1], 10, 1);
  EXPECT_NEAR(counts[2], 10, 1);
}

TEST_F(UpstreamClusterTest, WhereAllWereTriedAnyIsTriedAgain) {
  std::vector<int> counts(3);
  for (int i = 0; i < 30; ++i)
    ++counts[pick({0, 1, 2})];
  EXPECT_EQ(counts, (std::vector<int>{10, 10, 10}));
}

TEST_F(UpstreamClusterTest, TheRoundGoesOnWhereEndpointsAreReplaced) {
  std::vector<int> counts(3);
  for (int i = 0; i < 30; ++i) {
    ++counts[pick({})];
    change(1, [](ClusterEndpoint&) {});
  }
  EXPECT_EQ(counts, (std::vector<int>{10, 10, 10}));
}

TEST_F(UpstreamClusterTest, TheRoundGoesOnInTheClusterThatReplacesAnother) {
  std::vector<int> counts(3);
  auto running = std::make_unique<UpstreamCluster>(gateway_.loop, "c", endpoints(),
                                                   ClusterPolicy{.balancer = BalancerPolicy::kRoundRobin});
  for (int i = 0; i < 30; ++i) {
    const auto picked = running->pick({}).value();
    ++counts[static_cast<std::size_t>(std::ranges::find(endpoints(), picked) - endpoints().begin())];
    auto next = std::make_unique<UpstreamCluster>(gateway_.loop, "c", endpoints(),
                                                  ClusterPolicy{.balancer = BalancerPolicy::kRoundRobin});
    next->take_over_turns(*running);
    running = std::move(next);
  }
  EXPECT_EQ(counts, (std::vector<int>{10, 10, 10}));
}

TEST_F(UpstreamClusterTest, WithoutAnyWeightThereIsNoEndpoint) {
  for (std::size_t i = 0; i < 3; ++i)
    change(i, [](ClusterEndpoint& e) { e.weight = 0; });
  const auto picked = gateway_.cluster().pick({});
  ASSERT_FALSE(picked);
  EXPECT_EQ(picked.error().kind, ErrorKind::kNoEndpoint);
}

TEST_F(UpstreamClusterTest, AClusterWithoutEndpointsHasNoEndpoint) {
  gateway_.cluster().set_endpoints({});
  const auto picked = gateway_.cluster().pick({});
  ASSERT_FALSE(picked);
  EXPECT_EQ(picked.error().kind, ErrorKind::kNoEndpoint);
}

TEST_F(UpstreamClusterTest, OnlyEndpointsWithEveryRequiredTagArePickedEvenIfTried) {
  change(1, [](ClusterEndpoint& e) { e.tags = {"gpu", "long"}; });
  change(2, [](ClusterEndpoint& e) { e.tags = {"gpu"}; });
  for (int i = 0; i < 6; ++i)
    EXPECT_EQ(pick({1}, {"long", "gpu"}), 1u);
  const std::vector<std::string> unknown = {"cpu"};
  EXPECT_FALSE(gateway_.cluster().pick({.tags = unknown}));
}

TEST_F(UpstreamClusterTest, WhatWasPickedAndTriedIsKnownAfterTheEndpointsWereReplaced) {
  const auto held = gateway_.cluster().pick({}).value();
  EndpointSet two = endpoints();
  std::erase(two, held);
  gateway_.cluster().set_endpoints(two);
  EXPECT_EQ(held->pool.use_count(), 1);
  EXPECT_EQ(pick({0}), 1u);
}

}  // namespace
}  // namespace sluice::test
