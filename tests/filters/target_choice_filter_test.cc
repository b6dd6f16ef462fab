#include "filters/target_choice/target_choice_filter.h"

#include <gtest/gtest.h>

#include <map>

#include "tests/filters/exchange_rig.h"

namespace sluice::test {
namespace {

TEST(TargetChoiceFilterTest, TargetsAreChosenExactlyByWeightAndNotedInTheRecord) {
  TestLoop t;
  const ExchangeScript script = [](Exchange&, ResponseWriter& out) { return answer_ok(out); };
  // The filter only hands the pointers on.
  std::uint64_t places[2] = {};
  auto* const stable = reinterpret_cast<UpstreamCluster*>(&places[0]);
  auto* const canary = reinterpret_cast<UpstreamCluster*>(&places[1]);
  const ExchangeChain chain =
      chain_of<Exchange>(std::make_unique<TargetChoiceFilter>(std::vector<WeightedTarget>{
                             {stable, "stable", 90}, {canary, "canary", 10}, {stable, "never", 0}}),
                         script);
  const auto routes = one_route(script);
  std::map<std::string, int> counts;
  for (int i = 0; i < 1000; ++i) {
    ExchangeRig rig(t, routes, request_head(Method::kGet, "/"));
    rig.run(chain);
    t.turn();
    ++counts[std::string(rig.exchange.record.cluster)];
    EXPECT_EQ(rig.exchange.target, rig.exchange.record.cluster == "stable" ? stable : canary);
  }
  EXPECT_EQ(counts, (std::map<std::string, int>{{"stable", 900}, {"canary", 100}}));
}

}  // namespace
}  // namespace sluice::test
