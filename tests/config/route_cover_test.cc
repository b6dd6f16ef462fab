#include "config/route_cover.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "config/load.h"

namespace sluice::config {
namespace {

// Reads `match`, the inside of a flow mapping, as a file would give it.
Match match_of(std::string_view match) {
  const LoadResult result = load_text(fmt::format(R"(version: 1
listeners: [{{name: public, address: 127.0.0.1:8080}}]
clusters: [{{name: models, endpoints: [{{address: 127.0.0.1:8000}}]}}]
routes: [{{match: {{{}}}, clusters: [{{name: models}}]}}]
)",
                                                  match),
                                      "sluice.yaml");
  for (const Diagnostic& diagnostic : result.diagnostics)
    ADD_FAILURE() << diagnostic.to_string();
  return result.ok() ? result.config->routes[0].match : Match{};
}

struct Pair {
  std::string_view wide;
  std::string_view narrow;
};

// Conditions beside the path, which is the same for both.
bool condition_covers(const Pair& pair) {
  const auto with_path = [](std::string_view conditions) {
    return fmt::format("path: {{prefix: /}}{}{}", conditions.empty() ? "" : ", ", conditions);
  };
  return covers(match_of(with_path(pair.wide)), match_of(with_path(pair.narrow)));
}

TEST(RouteCover, APathCoversThoseInsideIt) {
  const auto path_covers = [](std::string_view wide, std::string_view narrow) {
    return covers(match_of(fmt::format("path: {{{}}}", wide)), match_of(fmt::format("path: {{{}}}", narrow)));
  };
  EXPECT_TRUE(path_covers("prefix: /v1", "exact: /v1/models"));
  EXPECT_TRUE(path_covers("prefix: /v1", "prefix: /v1/chat"));
  EXPECT_TRUE(path_covers("exact: /v1", "exact: /v1"));
  EXPECT_TRUE(path_covers("regex: /v.*", "regex: /v.*"));
  EXPECT_TRUE(path_covers("prefix: /", "regex: /v.*")) << "every path starts with a slash";
  EXPECT_FALSE(path_covers("prefix: /v1", "regex: /v1/.*")) << "what an expression takes is not looked into";
  EXPECT_FALSE(path_covers("regex: /v.*", "exact: /v1"));
  EXPECT_FALSE(path_covers("exact: /v1", "prefix: /v1"));
  EXPECT_FALSE(path_covers("prefix: /v1/chat", "prefix: /v1"));
}

TEST(RouteCover, AnyConditionMoreCoversNothingWithoutIt) {
  for (const std::string_view condition :
       {"methods: [GET]", "hosts: a.example.org", "headers: [{name: x}]",
        "headers: [{name: x, present: false}]", "query: [{name: q, exact: a}]", "clients: 10.0.0.0/8",
        "model: llama", "stream: true", "members: [{name: user, values: a}]"}) {
    EXPECT_FALSE(condition_covers({condition, ""})) << condition;
    EXPECT_TRUE(condition_covers({"", condition})) << condition;
    EXPECT_TRUE(condition_covers({condition, condition})) << condition;
  }
}

TEST(RouteCover, AConditionCoversANarrowerOneOfItsKind) {
  const Pair covered[] = {
      {"methods: [GET, POST]", "methods: [POST]"},
      {"hosts: '*.example.org'", "hosts: api.example.org"},
      {"hosts: '*.example.org'", "hosts: '*.api.example.org'"},
      {"hosts: [a.org, '*.b.org']", "hosts: [x.b.org, a.org]"},
      {"headers: [{name: X-Tenant}]", "headers: [{name: x-tenant, exact: gold}]"},
      {"headers: [{name: x, present: true}]", "headers: [{name: x, regex: 'a+'}]"},
      {"headers: [{name: x, prefix: go}]", "headers: [{name: x, exact: gold}, {name: y}]"},
      {"query: [{name: q, prefix: a}]", "query: [{name: q, prefix: ab}]"},
      {"clients: 10.0.0.0/8", "clients: [10.1.0.0/16, 10.2.3.4]"},
      {"clients: '2001:db8::/32'", "clients: '2001:db8:1::/48'"},
      {"model: [a, b]", "model: b"},
      {"members: [{name: user, values: [a, b]}]", "members: [{name: user, values: a}]"},
  };
  for (const Pair& pair : covered) {
    EXPECT_TRUE(condition_covers(pair)) << pair.wide << " / " << pair.narrow;
    EXPECT_FALSE(condition_covers({pair.narrow, pair.wide})) << pair.narrow << " / " << pair.wide;
  }
}

TEST(RouteCover, ConditionsThatOnlyLookAlikeDoNotCover) {
  const Pair apart[] = {
      {"hosts: '*.example.org'", "hosts: example.org"},
      {"hosts: '*.example.org'", "hosts: badexample.org"},
      {"hosts: '*.example.org'", "hosts: '*.org'"},
      {"headers: [{name: x, present: false}]", "headers: [{name: x, exact: a}]"},
      {"headers: [{name: x}]", "headers: [{name: x, present: false}]"},
      {"headers: [{name: x, exact: a}]", "headers: [{name: x, regex: a}]"},
      {"headers: [{name: x}, {name: y}]", "headers: [{name: x, exact: a}]"},
      {"query: [{name: Q}]", "query: [{name: q}]"},
      {"stream: true", "stream: false"},
      {"clients: 10.0.0.0/8", "clients: [10.1.0.0/16, 11.0.0.0/8]"},
      {"members: [{name: user, values: a}]", "members: [{name: tier, values: a}]"},
  };
  for (const Pair& pair : apart)
    EXPECT_FALSE(condition_covers(pair)) << pair.wide << " / " << pair.narrow;
}

}  // namespace
}  // namespace sluice::config
