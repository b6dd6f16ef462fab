#include "gateway/app/cluster_set.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "gateway/base/prometheus_text.h"
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
  set_.update({cluster({"a", "b"})});
  const auto before = set_.find("models");
  set_.update({cluster({"a", "b"})});
  EXPECT_EQ(set_.find("models"), before);
  set_.update({});
  EXPECT_EQ(set_.find("models"), nullptr);
}

TEST_F(ClusterSetTest, AChangedClusterTakesOverThePoolsOfItsEndpoints) {
  set_.update({cluster({"a", "b"})});
  const auto before = set_.find("models");
  config::Cluster changed = cluster({"b", "c"});
  changed.endpoints[0].weight = 7;
  set_.update({changed});
  const auto after = set_.find("models");
  EXPECT_NE(after, before);
  EXPECT_EQ(after->endpoints()[0]->pool, before->endpoints()[1]->pool);
  EXPECT_EQ(after->endpoints()[0]->weight, 7u);
  EXPECT_EQ(before->endpoints()[1]->weight, 1u);
}

TEST_F(ClusterSetTest, OtherPoolSettingsMakeOtherPoolsThatCountWithTheOld) {
  set_.update({cluster({"a"})});
  const auto before = set_.find("models");
  config::Cluster changed = cluster({"a"});
  changed.pool.max_idle = 1;
  set_.update({changed});
  EXPECT_NE(set_.find("models")->endpoints()[0]->pool, before->endpoints()[0]->pool);
  EXPECT_EQ(set_.find("models")->endpoints()[0]->state, before->endpoints()[0]->state);
}

TEST_F(ClusterSetTest, TheSeriesOfAnEndpointEndWithTheLastThatHoldsIt) {
  set_.update({cluster({"a", "b"})});
  auto held = set_.find("models")->endpoints()[0];
  set_.update({cluster({"b"})});
  EXPECT_THAT(metrics_text(), HasSubstr("sluice_upstream_connections{cluster=\"models\",endpoint=\"a:1\"}"));
  held.reset();
  EXPECT_THAT(metrics_text(), Not(HasSubstr("a:1")));
  EXPECT_THAT(metrics_text(), HasSubstr("b:1"));
}

}  // namespace
}  // namespace sluice::test
