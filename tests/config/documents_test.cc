#include "config/documents.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <regex>
#include <string>
#include <string_view>
#include <vector>

#include "config/describe.h"
#include "config/load.h"
#include "config/source_text.h"
#include "config/struct_walk.h"
#include "config/text_rule.h"
#include "config/yaml_tree.h"

namespace sluice::config {

struct Anything {
  template <class T>
  operator T() const;
};

// How many members an aggregate has: as many as it can be initialised from.
template <class S, class... Members>
constexpr std::size_t member_count() {
  if constexpr (requires { S{Members{}..., Anything{}}; }) {
    return member_count<S, Members..., Anything>();
  } else {
    return sizeof...(Members);
  }
}

namespace {

const std::string kFolder = std::string(SLUICE_SOURCE_DIR) + "/config";

std::string content_of(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

Config unusual_config() {
  Config config;
  config.listeners = {{.name = "true", .address = Address::tcp("::", 8443), .backlog = 7},
                      {.name = "12", .address = Address::unix_socket("run/a b#c.sock")}};
  config.listeners[0].http.max_body_bytes = 1025;
  config.listeners[0].http.head_timeout = Duration(1'000'000'001);
  config.listeners[0].http.min_body_rate = 0;
  config.admin.enabled = false;
  config.clusters = {{.name = "a:b", .endpoints = {{.address = Address::tcp("gpu-1", 1), .weight = 9}}},
                     {.name = "no", .endpoints = {{.address = Address::tcp("10.0.0.1", 2)}}}};
  config.clusters[1].load_balancer.policy = LoadBalancer::Policy::kRoundRobin;
  config.routes = {
      {.name = "r:",
       .match = {.path = {.exact = "/a:b{c}[d],'\""}, .model = {"m: 1", "~", "a\"b\\c", "#x", "m\xC3\xA9"}},
       .clusters = {{.name = "a:b", .weight = 0}, {.name = "no", .weight = 5}},
       .max_body_bytes = 0},
      {.name = "routes[1]",
       .match = {.path = {.prefix = "/"}, .methods = {"GET", "POST"}},
       .clusters = {{.name = "no"}}}};
  config.observability.access_log.file = "log/- x: y #.jsonl";
  config.observability.log.level = Log::Level::kError;
  return config;
}

TEST(EffectiveConfig, LoadsAgainToAnEqualConfig) {
  const Config config = unusual_config();
  const LoadResult again = load_text(print_effective(config), "effective.yaml");
  for (const Diagnostic& diagnostic : again.diagnostics)
    ADD_FAILURE() << diagnostic.to_string();
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(*again.config, config);
}

TEST(EffectiveConfig, OfEveryExampleLoadsAgainToAnEqualConfig) {
  for (const auto& entry : std::filesystem::directory_iterator(kFolder + "/examples")) {
    const LoadResult first = load_file(entry.path().string());
    ASSERT_TRUE(first.ok()) << entry.path();
    const LoadResult again = load_text(print_effective(*first.config), "effective.yaml");
    ASSERT_TRUE(again.ok()) << entry.path();
    EXPECT_EQ(*again.config, *first.config) << entry.path();
  }
}

TEST(EffectiveConfig, WritesDefaultsOutWithTheirUnits) {
  const std::string text = print_effective(load_file(kFolder + "/examples/minimal.yaml").config.value());
  EXPECT_NE(text.find("\n      max_head_bytes: 32KiB\n"), std::string::npos) << text;
  EXPECT_NE(text.find("\n      idle_timeout: 75s\n"), std::string::npos) << text;
  EXPECT_NE(text.find("\nadmin:\n  enabled: true\n  address: 127.0.0.1:9901\n"), std::string::npos) << text;
  EXPECT_EQ(text.find("max_body_bytes: 0"), std::string::npos)
      << "an optional value that is not set is left out";
}

TEST(Reference, TheCommittedFilesAreCurrent) {
  EXPECT_EQ(content_of(kFolder + "/reference.md"), reference_markdown()) << "run sluice-config-reference";
  EXPECT_EQ(content_of(kFolder + "/schema.json"), json_schema()) << "run sluice-config-reference";
}

TEST(Reference, GivesTheDefaultsOfTheStructs) {
  const std::string text = reference_markdown();
  for (const std::string_view row :
       {"| `max_head_bytes` | size | `32KiB` | 512B to 64KiB |",
        "| `head_timeout` | duration | `10s` | 1ms to 1h |", "| `attempts` | number | `3` | 1 to 10 |",
        "| `enabled` | `true` or `false` | `true` |  |",
        "| `policy` | `round_robin`, `least_loaded`, `ring_hash`, `maglev` | `least_loaded` |  |",
        "| `name` | text | **required** |  |", "| `address` | address | `127.0.0.1:9901` |  |"}) {
    EXPECT_NE(text.find(row), std::string::npos) << row;
  }
}

TEST(Reference, EveryLinkLeadsToAHeading) {
  const std::string text = reference_markdown();
  const std::regex link(R"(\]\(#([a-z0-9_-]+)\))");
  const std::regex heading(R"(\n## ([^\n]+))");
  std::vector<std::string> anchors;
  for (std::sregex_iterator it(text.begin(), text.end(), heading), end; it != end; ++it) {
    std::string anchor = std::regex_replace((*it)[1].str(), std::regex(R"([\[\].])"), "");
    std::ranges::replace(anchor, ' ', '-');
    anchors.push_back(anchor);
  }
  std::size_t links = 0;
  for (std::sregex_iterator it(text.begin(), text.end(), link), end; it != end; ++it, ++links) {
    EXPECT_NE(std::ranges::find(anchors, (*it)[1].str()), anchors.end()) << (*it)[1];
  }
  EXPECT_GT(links, 10U);
}

const Node* child(const Node& node, std::string_view key) {
  const auto found =
      std::ranges::find_if(node.entries, [&](const Node::Entry& entry) { return entry.key.text == key; });
  return found == node.entries.end() ? nullptr : &found->value;
}

// JSON is YAML here, so the reader's own parser shows that the schema is well formed.
TEST(JsonSchema, DescribesEveryStructAndKey) {
  const SourceText source(json_schema());
  const auto schema = parse_yaml(source);
  ASSERT_TRUE(schema.has_value()) << schema.error().message;
  const Node* definitions = child(*schema, "$defs");
  ASSERT_NE(definitions, nullptr);
  for (const WalkedStruct& walked : walk_structs(config_struct())) {
    const Node* node = walked.path.empty() ? &*schema : child(*definitions, walked.record->name);
    ASSERT_NE(node, nullptr) << walked.record->name;
    const Node* properties = child(*node, "properties");
    ASSERT_NE(properties, nullptr) << walked.record->name;
    EXPECT_EQ(properties->entries.size(), walked.record->fields.size()) << walked.record->name;
    EXPECT_EQ(child(*node, "additionalProperties")->text, "false");
  }
}

TEST(TextRule, ThePatternOfTheSchemaAcceptsWhatTheReaderAccepts) {
  const std::vector<std::string> texts = {"",
                                          "a",
                                          "/",
                                          "/v1/",
                                          "/a?b",
                                          "/a#b",
                                          "v1",
                                          "a b",
                                          "/a b",
                                          "GET",
                                          "get",
                                          "M-SEARCH",
                                          "G1",
                                          "tiny-v1",
                                          "routes[0]",
                                          "a\nb",
                                          "\x7f",
                                          "/~",
                                          "/!\"$>@",
                                          std::string(32, 'A'),
                                          std::string(33, 'A'),
                                          std::string(64, 'a'),
                                          std::string(65, 'a'),
                                          std::string(256, 'a'),
                                          std::string(257, 'a'),
                                          "meta-llama/Llama-3.1: 8B",
                                          "x\x1f"};
  for (const TextRule* rule : {&kAnyText, &kNameText, &kPathText, &kMethodText, &kModelText}) {
    const std::regex pattern{std::string(rule->pattern)};
    for (const std::string& text : texts) {
      EXPECT_EQ(rule->accepts(text), std::regex_search(text, pattern)) << rule->pattern << " on " << text;
    }
  }
}

template <class S>
void expect_described(std::string_view name) {
  const std::vector<WalkedStruct> all = walk_structs(config_struct());
  const auto walked = std::ranges::find_if(
      all, [&](const WalkedStruct& candidate) { return candidate.record->name == name; });
  ASSERT_NE(walked, all.end()) << name;
  EXPECT_EQ(walked->record->fields.size(), member_count<S>()) << name;
}

TEST(Description, NoMemberIsForgotten) {
  expect_described<Config>("Config");
  expect_described<Listener>("Listener");
  expect_described<Http>("Http");
  expect_described<Admin>("Admin");
  expect_described<Cluster>("Cluster");
  expect_described<Endpoint>("Endpoint");
  expect_described<LoadBalancer>("LoadBalancer");
  expect_described<Pool>("Pool");
  expect_described<Route>("Route");
  expect_described<Match>("Match");
  expect_described<PathMatch>("PathMatch");
  expect_described<WeightedCluster>("WeightedCluster");
  expect_described<Timeouts>("Timeouts");
  expect_described<Retry>("Retry");
  expect_described<Limits>("Limits");
  expect_described<AccessLog>("AccessLog");
  expect_described<Log>("Log");
  expect_described<Observability>("Observability");
}

TEST(Description, EveryNumberHasARangeThatHoldsItsDefault) {
  for (const WalkedStruct& walked : walk_structs(config_struct())) {
    for (const Field& field : walked.record->fields) {
      const Type& type = field.type;
      const bool number = type.kind == Type::Kind::kCount || type.kind == Type::Kind::kSize ||
                          type.kind == Type::Kind::kDuration;
      if (!number) continue;
      const std::int64_t value = type.get(field.member_of(walked.record->defaults.get()));
      EXPECT_LT(0, type.max) << walked.path << "." << field.name;
      EXPECT_LE(type.min, value) << walked.path << "." << field.name;
      EXPECT_GE(type.max, value) << walked.path << "." << field.name;
    }
  }
}

}  // namespace
}  // namespace sluice::config
