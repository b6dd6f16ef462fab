#include "config/load.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <string>

#include "config/problems.h"
#include "config/yaml_tree.h"

namespace sluice::config {
namespace {

using namespace std::chrono_literals;

const std::string kExamples = std::string(SLUICE_SOURCE_DIR) + "/config/examples";

std::string all_of(const LoadResult& result) {
  std::string out;
  for (const Diagnostic& diagnostic : result.diagnostics)
    out += diagnostic.to_string() + "\n";
  return out;
}

std::string only_message(const LoadResult& result) {
  return result.diagnostics.size() == 1 ? result.diagnostics[0].message : all_of(result);
}

TEST(Load, EveryExampleLoadsWithoutADiagnostic) {
  std::size_t examples = 0;
  for (const auto& entry : std::filesystem::directory_iterator(kExamples)) {
    const LoadResult result = load_file(entry.path().string());
    EXPECT_TRUE(result.ok()) << entry.path();
    EXPECT_EQ(all_of(result), "") << entry.path();
    ++examples;
  }
  EXPECT_GE(examples, 2U);
}

TEST(Load, WhatAFileLeavesOutKeepsItsDefault) {
  const LoadResult result = load_file(kExamples + "/minimal.yaml");
  ASSERT_TRUE(result.ok()) << all_of(result);
  Config expected;
  expected.listeners = {{.name = "public", .address = Address::tcp("127.0.0.1", 8080)}};
  expected.clusters = {{.name = "models", .endpoints = {{.address = Address::tcp("127.0.0.1", 8000)}}}};
  expected.routes = {
      {.name = "routes[0]", .match = {.path = {.prefix = "/"}}, .clusters = {{.name = "models"}}}};
  EXPECT_EQ(*result.config, expected);
}

TEST(Load, EveryKindOfValueReachesItsMember) {
  const LoadResult result = load_text(R"(
version: 1
listeners:
  - name: public
    address: "[::]:0"
    http: {max_body_bytes: 1.5MiB, head_timeout: 1.5s, min_body_rate: 0}
admin: {enabled: false}
clusters:
  - name: a
    endpoints: [{address: unix:run/a.sock, weight: 3}]
    load_balancer: {policy: round_robin}
routes:
  - match: {path: {exact: /v1/models}, methods: [GET, HEAD]}
    clusters: [{name: a}]
    max_body_bytes: 0
  - match: {path: {prefix: /v1/}, model: "llama 3: 8b"}
    clusters: [{name: a, weight: 7}]
observability:
  log: {level: debug}
)",
                                      "sluice.yaml");
  ASSERT_TRUE(result.ok()) << all_of(result);
  const Config& config = *result.config;
  EXPECT_EQ(config.listeners[0].address, Address::tcp("::", 0));
  EXPECT_EQ(config.listeners[0].http.max_body_bytes, 3U << 19U);
  EXPECT_EQ(config.listeners[0].http.head_timeout, 1500ms);
  EXPECT_EQ(config.listeners[0].http.min_body_rate, 0U);
  EXPECT_FALSE(config.admin.enabled);
  EXPECT_EQ(config.clusters[0].endpoints[0].address, Address::unix_socket("run/a.sock"));
  EXPECT_EQ(config.clusters[0].endpoints[0].weight, 3U);
  EXPECT_EQ(config.clusters[0].load_balancer.policy, LoadBalancer::Policy::kRoundRobin);
  EXPECT_EQ(config.routes[0].match.path.exact, "/v1/models");
  EXPECT_EQ(config.routes[0].match.methods, (std::vector<std::string>{"GET", "HEAD"}));
  EXPECT_EQ(config.routes[0].max_body_bytes, 0U);
  EXPECT_EQ(config.routes[1].match.model, std::vector<std::string>{"llama 3: 8b"});
  EXPECT_EQ(config.routes[1].max_body_bytes, std::nullopt);
  EXPECT_EQ(config.routes[1].name, "routes[1]");
  EXPECT_EQ(config.observability.log.level, Log::Level::kDebug);
}

TEST(Load, ASectionWithNothingInItIsFullOfDefaults) {
  const LoadResult minimal = load_file(kExamples + "/minimal.yaml");
  const LoadResult result = load_text(R"(version: 1
listeners: [{name: public, address: 127.0.0.1:8080, http: }]
clusters: [{name: models, endpoints: [{address: 127.0.0.1:8000}]}]
routes: [{match: {path: {prefix: /}}, clusters: [{name: models}]}]
admin:
  # address: 127.0.0.1:1
observability: {}
)",
                                      "sluice.yaml");
  ASSERT_TRUE(result.ok()) << all_of(result);
  EXPECT_EQ(*result.config, *minimal.config);
}

TEST(Load, ListenersOnPortZeroDoNotCollide) {
  const LoadResult result = load_text(R"(version: 1
listeners: [{name: a, address: 127.0.0.1:0}, {name: b, address: 127.0.0.1:0}]
admin: {address: 127.0.0.1:0}
clusters: [{name: models, endpoints: [{address: 127.0.0.1:8000}]}]
routes: [{match: {path: {prefix: /}}, clusters: [{name: models}]}]
)",
                                      "sluice.yaml");
  EXPECT_TRUE(result.ok()) << all_of(result);
}

TEST(Load, AByteOrderMarkAndWindowsLineEndsMoveNoPosition) {
  const LoadResult result = load_text("\xEF\xBB\xBFversion: 2\r\nlimits: 5\r\n", "sluice.yaml");
  ASSERT_GE(result.diagnostics.size(), 2U);
  EXPECT_EQ(result.diagnostics[0].to_string(), "sluice.yaml:1:1: listeners: is required\n  version: 2\n  ^");
  const Diagnostic& last = result.diagnostics.back();
  EXPECT_EQ(last.line, 2);
  EXPECT_EQ(last.column, 9);
  EXPECT_EQ(last.source_line, "limits: 5");
}

TEST(Load, AnUnreadableFileIsADiagnostic) {
  const LoadResult missing = load_file("/nonexistent/sluice.yaml");
  EXPECT_FALSE(missing.ok());
  EXPECT_EQ(all_of(missing), "/nonexistent/sluice.yaml: cannot be opened: No such file or directory\n");
  const LoadResult folder = load_file(kExamples);
  EXPECT_EQ(all_of(folder), kExamples + ": cannot be read: Is a directory\n");
}

TEST(Load, AHostileFileIsCutOffByALimit) {
  EXPECT_EQ(only_message(load_text(std::string(1024 * 1024 + 1, '#'), "f")),
            "is larger than 1MiB, the limit of a configuration");
  EXPECT_EQ(only_message(load_file("/dev/zero")), "is larger than 1MiB, the limit of a configuration");
  EXPECT_EQ(only_message(load_text(std::string(500'000, '['), "f")), "nested more than 32 levels deep");
  EXPECT_EQ(only_message(load_text("a: " + std::string(500'000, '{'), "f")),
            "nested more than 32 levels deep");
  std::string many = "a: [";
  for (std::size_t i = 0; i <= kMaxValues; ++i)
    many += "1,";
  EXPECT_EQ(only_message(load_text(many + "]", "f")), "more than 100000 values in one file");
}

TEST(Load, DepthUpToTheLimitIsRead) {
  // The document itself is one level.
  const std::string text =
      "version: 1\nx: " + std::string(kMaxDepth - 1, '[') + std::string(kMaxDepth - 1, ']');
  EXPECT_NE(all_of(load_text(text, "f")).find("unknown key \"x\""), std::string::npos);
}

TEST(Load, DiagnosticsAreCutOffWithACount) {
  std::string text = "version: 1\n";
  for (int i = 0; i < 1000; ++i)
    text += "key_" + std::to_string(i) + ": 1\n";
  const LoadResult result = load_text(text, "f");
  EXPECT_FALSE(result.ok());
  ASSERT_EQ(result.diagnostics.size(), kMaxDiagnostics + 1);
  EXPECT_EQ(result.diagnostics.back().to_string(), "f: 903 more problems are not shown");
}

}  // namespace
}  // namespace sluice::config
