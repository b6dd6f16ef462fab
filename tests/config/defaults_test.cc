// What routes inherit from `defaults`.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <string_view>

#include "config/documents.h"
#include "config/load.h"

namespace sluice::config {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view kProcess = R"(version: 1
listeners: [{name: public, address: 127.0.0.1:8080}]
clusters: [{name: models, endpoints: [{address: 127.0.0.1:8000}]}]
)";
constexpr std::string_view kDefaults = R"(defaults:
  timeouts: {connect: 2s, total: 20m}
  retry: {attempts: 5}
  usage: {enabled: false}
)";
constexpr std::string_view kRoutes = R"(routes:
  - match: {path: {exact: /inherits}}
    clusters: [{name: models}]
  - match: {path: {exact: /differs}}
    clusters: [{name: models}]
    timeouts: {connect: 3s}
    retry: {attempts: 1}
  - match: {path: {exact: /empty}}
    clusters: [{name: models}]
    timeouts: {}
    usage: {enabled: true}
)";

std::string printed(const LoadResult& result) {
  std::string text;
  for (const Diagnostic& diagnostic : result.diagnostics)
    text += fmt::format("{}: {}\n", diagnostic.path, diagnostic.message);
  return text;
}

Config good(const std::string& text) {
  LoadResult result = load_text(text, "sluice.yaml");
  EXPECT_EQ(printed(result), "") << text;
  return result.config.value_or(Config{});
}

TEST(Defaults, AreInheritedKeyByKey) {
  const Config config = good(fmt::format("{}{}{}", kProcess, kDefaults, kRoutes));
  ASSERT_EQ(config.routes.size(), 3U);
  const Timeouts inherited{.connect = 2s, .first_content = 60s, .between_tokens = 30s, .total = 20min};
  Timeouts with_connect = inherited;
  with_connect.connect = 3s;
  EXPECT_EQ(config.defaults.timeouts, inherited);
  EXPECT_EQ(config.routes[0].timeouts, inherited);
  EXPECT_EQ(config.routes[0].retry.attempts, 5U);
  EXPECT_FALSE(config.routes[0].usage.enabled);
  EXPECT_EQ(config.routes[1].timeouts, with_connect) << "one key of a section leaves the others inherited";
  EXPECT_EQ(config.routes[1].retry.attempts, 1U);
  EXPECT_FALSE(config.routes[1].usage.enabled);
  EXPECT_EQ(config.routes[2].timeouts, inherited) << "an empty section changes nothing";
  EXPECT_TRUE(config.routes[2].usage.enabled);
}

TEST(Defaults, ApplyWhereverTheyStandInTheFile) {
  const Config before = good(fmt::format("{}{}{}", kProcess, kDefaults, kRoutes));
  EXPECT_EQ(good(fmt::format("{}{}{}", kProcess, kRoutes, kDefaults)), before);
  EXPECT_EQ(good(fmt::format("{}{}{}", kRoutes, kDefaults, kProcess)), before);
}

TEST(Defaults, TheEffectivePrintLoadsAgainToAnEqualConfigWithoutADiagnostic) {
  const std::string answers = R"(  - match: {path: {exact: /respond}}
    respond: {status: 404}
  - match: {path: {exact: /v1/models}}
    list_models: true
  - match: {path: {exact: /any}}
    api: http
    clusters: [{name: models}]
)";
  const Config config = good(fmt::format("{}{}{}{}", kProcess, kDefaults, kRoutes, answers));
  EXPECT_EQ(good(print_effective(config)), config);
}

TEST(Defaults, AMistakeInThemIsToldThereAndNotInEveryRoute) {
  EXPECT_EQ(printed(load_text(
                fmt::format("{}defaults: {{timeouts: {{first_content: 30m}}}}\n{}", kProcess, kRoutes),
                "sluice.yaml")),
            "defaults.timeouts.first_content: must not exceed total (10m, the default), got 30m; lower it, "
            "or raise "
            "total\n");
}

TEST(Defaults, ThatCouldNotBeReadAreNotHeldAgainstARoute) {
  const std::string text =
      fmt::format("{}defaults: {{timeouts: {{total: 60}}}}\n{}    timeouts: {{first_content: 15m}}\n",
                  kProcess, kRoutes.substr(0, kRoutes.find("  - match: {path: {exact: /differs}}")));
  EXPECT_EQ(printed(load_text(text, "sluice.yaml")),
            "defaults.timeouts.total: needs a unit, got \"60\"; write for example 250ms, 5s or 10m\n");
}

TEST(Defaults, ARouteThatContradictsThemIsToldWhereTheOtherValueStands) {
  const std::string text =
      fmt::format("{}defaults: {{timeouts: {{total: 5m}}}}\n{}    timeouts: {{first_content: 6m}}\n",
                  kProcess, kRoutes.substr(0, kRoutes.find("  - match: {path: {exact: /differs}}")));
  EXPECT_EQ(printed(load_text(text, "sluice.yaml")),
            "routes[0].timeouts.first_content: must not exceed total (5m, from defaults), got 6m; lower it, "
            "or raise "
            "total\n");
}

}  // namespace
}  // namespace sluice::config
