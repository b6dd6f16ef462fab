#include "gateway/app/cluster_set.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "gateway/base/prometheus_text.h"
#include "tests/backends/cluster/pool_fixture.h"
#include "tests/support/memory_network.h"
#include "tests/support/test_loop.h"

namespace sluice::test {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class ClusterSetTest : public ::testing::Test {
 protected:
  static config::Cluster cluster(const std::vector<std::string>& hosts) {
    config::Cluster c{.name = "models"};
    for (const std::string& host : hosts)
      c.endpoints.push_back({.address = Address::tcp(host, 1)});
    return c;
  }
  std::vector<std::string> names() {
    std::vector<std::string> out;
    for (const auto& e : set_.find("models")->endpoints())
      out.push_back(e->state->name);
    return out;
  }
  std::string metrics_text() {
    const Metrics* threads[] = {&metrics_};
    return render_prometheus(threads);
  }

  TestLoop t_;
  MemoryNetwork network_{t_.loop};
  Metrics metrics_;
  EndpointRegistry registry_;
  ClusterSet set_{t_.loop, network_, metrics_, registry_};
};

TEST_F(ClusterSetTest, AnUnchangedClusterStaysTheSameObject) {
  set_.update({cluster({"a", "b"})}, {});
  const auto before = set_.find("models");
  set_.update({cluster({"a", "b"})}, {});
  EXPECT_EQ(set_.find("models"), before);
  set_.update({}, {});
  EXPECT_EQ(set_.find("models"), nullptr);
}

TEST_F(ClusterSetTest, AChangedClusterTakesOverThePoolsOfItsEndpoints) {
  set_.update({cluster({"a", "b"})}, {});
  const auto before = set_.find("models");
  config::Cluster changed = cluster({"b", "c"});
  changed.endpoints[0].weight = 7;
  set_.update({changed}, {});
  const auto after = set_.find("models");
  EXPECT_NE(after, before);
  EXPECT_EQ(after->endpoints()[0]->pool, before->endpoints()[1]->pool);
  EXPECT_EQ(after->endpoints()[0]->weight, 7u);
  EXPECT_EQ(before->endpoints()[1]->weight, 1u);
}

TEST_F(ClusterSetTest, OtherPoolSettingsMakeOtherPoolsThatCountWithTheOld) {
  set_.update({cluster({"a"})}, {});
  const auto before = set_.find("models");
  config::Cluster changed = cluster({"a"});
  changed.pool.max_idle = 1;
  set_.update({changed}, {});
  EXPECT_NE(set_.find("models")->endpoints()[0]->pool, before->endpoints()[0]->pool);
  EXPECT_EQ(set_.find("models")->endpoints()[0]->state, before->endpoints()[0]->state);
}

TEST_F(ClusterSetTest, DiscoveredEndpointsStandBesideTheConfiguredAndComeAlongInAReload) {
  config::Cluster c = cluster({"a"});
  c.discovery = config::Discovery{.file = "endpoints.yaml"};
  set_.update({c}, {}, {{"models", cluster({"b"}).endpoints}});
  const auto running = set_.find("models");
  EXPECT_EQ(names(), (std::vector<std::string>{"a:1", "b:1"}));
  set_.set_discovered("models", cluster({"b", "c"}).endpoints);
  set_.set_discovered("others", cluster({"d"}).endpoints);
  EXPECT_EQ(set_.find("models"), running);
  EXPECT_EQ(names(), (std::vector<std::string>{"a:1", "b:1", "c:1"}));

  const auto kept = running->endpoints()[2];
  set_.set_discovered("models", cluster({"c"}).endpoints);
  EXPECT_EQ(running->endpoints()[1]->pool, kept->pool);

  set_.update({c}, {}, {{"models", cluster({"c"}).endpoints}});
  EXPECT_EQ(set_.find("models"), running);
  c.load_balancer.policy = config::LoadBalancer::Policy::kRoundRobin;
  set_.update({c}, {}, {{"models", cluster({"c"}).endpoints}});
  EXPECT_EQ(names(), (std::vector<std::string>{"a:1", "c:1"}));
  EXPECT_EQ(set_.find("models")->endpoints()[1]->pool, kept->pool);
}

TEST_F(ClusterSetTest, AnAddressThatAlsoStandsInTheConfigurationIsWhatItSaysThere) {
  config::Cluster c = cluster({"a"});
  c.endpoints[0].weight = 7;
  c.discovery = config::Discovery{.file = "endpoints.yaml"};
  set_.update({c}, {}, {{"models", cluster({"a", "b"}).endpoints}});
  EXPECT_EQ(names(), (std::vector<std::string>{"a:1", "b:1"}));
  EXPECT_EQ(set_.find("models")->endpoints()[0]->weight, 7u);
}

TEST_F(ClusterSetTest, TheRoundOfTurnsGoesOnWhenEndpointsOrSettingsChange) {
  config::Cluster c = cluster({});
  c.load_balancer.policy = config::LoadBalancer::Policy::kRoundRobin;
  c.discovery = config::Discovery{.file = "endpoints.yaml"};
  const auto three = cluster({"a", "b", "c"}).endpoints;
  set_.update({c}, {}, {{"models", three}});
  std::map<std::string, int> counts;
  for (int i = 0; i < 30; ++i) {
    ++counts[set_.find("models")->pick({}).value()->state->name];
    auto with_another = three;
    if (i % 2 == 0) with_another.push_back({.address = Address::tcp("d", 1), .weight = 0});
    set_.set_discovered("models", with_another);
    c.pool.max_idle = static_cast<std::uint32_t>(i);
    set_.update({c}, {}, {{"models", with_another}});
  }
  EXPECT_EQ(counts, (std::map<std::string, int>{{"a:1", 10}, {"b:1", 10}, {"c:1", 10}}));
}

TEST_F(ClusterSetTest, IdleConnectionsToAnEndpointThatWentAreClosedThoughAStreamIsStillOnIt) {
  config::Cluster c = cluster({"a"});
  c.discovery = config::Discovery{.file = "endpoints.yaml"};
  set_.update({c}, {}, {{"models", cluster({"b"}).endpoints}});
  auto held = set_.find("models")->endpoints()[1];
  PoolRequest finished(t_, *held->pool);
  PoolRequest running(t_, *held->pool);
  t_.turn();
  const auto idle_end = network_.take("b:1");
  const auto running_end = network_.take("b:1");
  finished.complete(*idle_end);
  finished.end();
  EXPECT_FALSE(idle_end->closed_by_gateway());

  set_.set_discovered("models", {});
  EXPECT_TRUE(idle_end->closed_by_gateway());
  EXPECT_FALSE(running_end->closed_by_gateway());
  running.complete(*running_end);
  running.end();
  held.reset();
  EXPECT_TRUE(running_end->closed_by_gateway());
}

TEST_F(ClusterSetTest, TheSeriesOfAnEndpointEndWithTheLastThatHoldsIt) {
  set_.update({cluster({"a", "b"})}, {});
  auto held = set_.find("models")->endpoints()[0];
  set_.update({cluster({"b"})}, {});
  EXPECT_THAT(metrics_text(), HasSubstr("sluice_upstream_connections{cluster=\"models\",endpoint=\"a:1\"}"));
  held.reset();
  EXPECT_THAT(metrics_text(), Not(HasSubstr("a:1")));
  EXPECT_THAT(metrics_text(), HasSubstr("b:1"));
}

}  // namespace
}  // namespace sluice::test
