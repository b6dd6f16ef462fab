// What is wrong with routes: expressions, networks, edits.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "config/load.h"

namespace sluice::config {
namespace {

// The diagnostics of a file whose only route, from line 4 on, is `route`: `line:column: path: message` each.
std::string said_of(std::string_view route) {
  const LoadResult result = load_text(fmt::format(R"(version: 1
listeners: [{{name: public, address: 127.0.0.1:8080}}]
routes:
  - {}
clusters: [{{name: models, endpoints: [{{address: 127.0.0.1:8000}}]}}]
)",
                                                  route),
                                      "sluice.yaml");
  std::string out;
  for (const Diagnostic& d : result.diagnostics)
    out += fmt::format("{}:{}: {}: {}\n", d.line, d.column, d.path, d.message);
  return out;
}

// The same for a route with a good path and cluster beside `more`.
std::string said_beside(std::string_view more) {
  return said_of(fmt::format("{{match: {{path: {{prefix: /}}}}, clusters: [{{name: models}}], {}}}", more));
}

TEST(BrokenRoutes, AnExpressionIsCheckedByRe2WhenTheFileIsLoaded) {
  EXPECT_EQ(said_of("{match: {path: {regex: '/(a'}}, clusters: [{name: models}]}"),
            "4:28: routes[0].match.path.regex: is no regular expression that RE2 takes: missing ): /(a\n");
  EXPECT_EQ(
      said_of(
          "{match: {path: {prefix: /}, headers: [{name: x, regex: 'a(?=b)'}]}, clusters: [{name: models}]}"),
      "4:60: routes[0].match.headers[0].regex: is no regular expression that RE2 takes: invalid perl "
      "operator: (?=\n");
}

TEST(BrokenRoutes, ANetworkIsCheckedWhenTheFileIsLoaded) {
  EXPECT_EQ(
      said_of("{match: {path: {prefix: /}, clients: [10.0.0.0/8, 10.1.0.0/8]}, clusters: [{name: models}]}"),
      "4:55: routes[0].match.clients[1]: has bits set behind its first 8; write the network's first "
      "address, or a longer prefix\n");
}

TEST(BrokenRoutes, AMethodThatNoCodecTakesIsAnError) {
  EXPECT_EQ(
      said_of("{match: {path: {prefix: /}, methods: [TRACE]}, clusters: [{name: models}]}"),
      "4:43: routes[0].match.methods[0]: must be one of GET, HEAD, POST, PUT, DELETE, PATCH and OPTIONS, "
      "got \"TRACE\"\n");
}

TEST(BrokenRoutes, EditsCannotTouchTheFraming) {
  for (const std::string_view name : {"Content-Length", "transfer-encoding", "CONNECTION", "te", "upgrade"}) {
    EXPECT_EQ(said_beside(fmt::format("request: {{headers: {{remove: [{}]}}}}", name)),
              fmt::format("4:91: routes[0].request.headers.remove[0]: cannot be {}: the gateway writes it "
                          "itself; leave it out\n",
                          name));
    EXPECT_NE(said_beside(fmt::format("response: {{headers: {{set: [{{name: {}, value: x}}]}}}}", name)), "");
    EXPECT_NE(said_beside(fmt::format("response: {{headers: {{add: [{{name: {}, value: x}}]}}}}", name)), "");
  }
  EXPECT_EQ(said_beside("request: {headers: {set: [{name: Host, value: x}]}}"),
            "4:95: routes[0].request.headers.set[0].name: cannot be Host: the gateway writes it itself; use "
            "request.host to replace the host\n");
}

TEST(BrokenRoutes, AValueWithALineBreakIsRefused) {
  EXPECT_NE(said_beside(R"(request: {headers: {set: [{name: x, value: "a\r\nb: c"}]}})"), "");
  EXPECT_NE(said_beside(R"(request: {host: "a\r\nb"})"), "");
  EXPECT_NE(said_beside("request: {host: 'a b'}"), "");
}

TEST(BrokenRoutes, EditsThatCouldHaveNoEffectAreErrors) {
  EXPECT_EQ(said_of("{match: {path: {prefix: /}}, respond: {status: 200}, request: {host: a}}"),
            "4:67: routes[0].request: has no effect without clusters; leave it out\n");
  EXPECT_EQ(
      said_of("{match: {path: {regex: /.*}}, clusters: [{name: models}], request: {path_prefix: /x}}"),
      "4:86: routes[0].request.path_prefix: needs match.path to be exact or a prefix, which it replaces\n");
  EXPECT_EQ(said_of("{match: {path: {prefix: /}}, respond: {status: 204, body: x}}"),
            "4:63: routes[0].respond.body: cannot stand beside status 204, whose answers have none; leave it "
            "out\n");
}

}  // namespace
}  // namespace sluice::config
