#include "backends/cluster/upstream_cluster.h"

#include <gtest/gtest.h>

#include "tests/support/memory_gateway.h"

namespace sluice::test {
namespace {

class UpstreamClusterTest : public ::testing::Test {
 protected:
  UpstreamClusterTest() : gateway_({.clusters = {{.endpoints = {"one:1", "two:1", "three:1"}}}}) {}

  std::size_t pick(const std::vector<std::uint32_t>& tried) { return gateway_.cluster().pick(tried).value(); }
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

TEST_F(UpstreamClusterTest, WithoutAnyWeightThereIsNoEndpoint) {
  for (std::size_t i = 0; i < 3; ++i)
    gateway_.cluster()[i].weight = 0;
  const auto picked = gateway_.cluster().pick({});
  ASSERT_FALSE(picked);
  EXPECT_EQ(picked.error().kind, ErrorKind::kNoEndpoint);
}

}  // namespace
}  // namespace sluice::test
