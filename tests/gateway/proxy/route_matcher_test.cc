#include "gateway/proxy/route_matcher.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>
#include <utility>
#include <vector>

namespace sluice {
namespace {

constexpr std::string_view kPeer = "10.1.2.3:4000";

RequestHead head(std::string_view path, std::string_view query = "", std::string_view host = "gateway",
                 Method method = Method::kPost) {
  RequestHead h;
  h.method = method;
  h.set_authority(host);
  h.set_target(path, query);
  return h;
}

RouteRule regex(std::string_view expression) {
  RouteRule rule;
  rule.path_kind = PathKind::kRegex;
  rule.path_pattern = Pattern::compile(expression).value();
  return rule;
}

// The index of the route that a request takes, or its error's name.
class Matching {
 public:
  explicit Matching(std::vector<RouteRule> rules) : matcher(std::move(rules)) {}

  std::string operator()(const RequestHead& h, std::string_view body = {}, std::string_view peer = kPeer) {
    const auto by_head = matcher.match(h, peer);
    if (!by_head) return std::string(traits(by_head.error().kind).name);
    const llm::RequestView* view = parse(body);
    const auto route = matcher.match(*by_head, h, peer, view);
    return route ? std::to_string(*route) : std::string(traits(route.error().kind).name);
  }
  // Why the rule does not take it; empty if it does.
  std::string why_not(std::size_t index, const RequestHead& h, std::string_view body = {}) {
    return matcher.mismatch(index, h, kPeer, parse(body)).value_or("");
  }

  RouteMatcher matcher;

 private:
  const llm::RequestView* parse(std::string_view body) {
    if (body.empty()) return nullptr;
    buffer_ = llm::BodyBuffer(1 << 20);
    EXPECT_TRUE(buffer_.append(body));
    view_ = parser_.parse(buffer_, {.members = matcher.members()}).value();
    return &view_;
  }

  llm::RequestParser parser_;
  llm::BodyBuffer buffer_{0};
  llm::RequestView view_;
};

TEST(RouteMatcherTest, AHostIgnoresCaseAndPort) {
  Matching match({{.hosts = {HostPattern("api.example.org")}},
                  {.hosts = {HostPattern("*.example.org")}},
                  {.hosts = {HostPattern("[::1]"), HostPattern("localhost")}}});
  EXPECT_EQ(match(head("/", "", "API.Example.org:8080")), "0");
  EXPECT_EQ(match(head("/", "", "api.example.org.")), "0");
  EXPECT_EQ(match(head("/", "", "a.b.example.org")), "1");
  EXPECT_EQ(match(head("/", "", "example.org")), "route_not_found");
  EXPECT_EQ(match(head("/", "", "notexample.org")), "route_not_found");
  EXPECT_EQ(match(head("/", "", "[::1]:80")), "2");
  EXPECT_EQ(match(head("/", "", "[::1]")), "2");
  EXPECT_EQ(match(head("/", "", "localhost:80")), "2");
  EXPECT_EQ(match(head("/", "", std::string(5000, 'a'))), "route_not_found");
}

TEST(RouteMatcherTest, AnExpressionTakesTheWholePath) {
  Matching match({regex("/v[0-9]+/models"), {.path = "/v1"}});
  EXPECT_EQ(match(head("/v1/models")), "0");
  EXPECT_EQ(match(head("/v12/models")), "0");
  EXPECT_EQ(match(head("/v1/models/x")), "1");
}

TEST(RouteMatcherTest, HostileExpressionsEndOnTheLongestPaths) {
  Matching match({regex("(/a+)+$"), regex("/(a|aa)+$"), regex("(.*a){12}$")});
  for (const std::size_t size : {32u << 10, 64u << 10})
    EXPECT_EQ(match(head("/" + std::string(size, 'a') + "!")), "route_not_found");
}

TEST(RouteMatcherTest, HeadersAndQueryMustAllFit) {
  RouteRule rule;
  rule.headers = {{.name = "x-tier", .kind = FieldMatch::Kind::kExact, .value = "gold"}, {.name = "x-user"}};
  rule.query = {{.name = "v", .kind = FieldMatch::Kind::kPrefix, .value = "2"}};
  Matching match({rule});
  RequestHead h = head("/", "?v=2026");
  h.headers.add("X-Tier", "gold");
  EXPECT_EQ(match(h), "route_not_found");
  EXPECT_EQ(match.why_not(0, h), "header x-user");
  h.headers.add("x-user", "me");
  EXPECT_EQ(match(h), "0");
  EXPECT_EQ(match.why_not(0, h), "");
  h.set_target("/", "?v=1");
  EXPECT_EQ(match.why_not(0, h), "query v");
}

TEST(RouteMatcherTest, AClientMustBeInOneOfTheNetworks) {
  RouteRule rule;
  rule.clients = {IpNetwork::parse("10.0.0.0/8").value(), IpNetwork::parse("::1").value()};
  Matching match({rule});
  EXPECT_EQ(match(head("/")), "0");
  EXPECT_EQ(match(head("/"), "", "[::1]:5"), "0");
  EXPECT_EQ(match(head("/"), "", "11.0.0.1:5"), "route_not_found");
  EXPECT_EQ(match(head("/"), "", "unix"), "route_not_found");
}

TEST(RouteMatcherTest, StreamAndMembersComeFromTheBody) {
  Matching match({{.stream = true},
                  {.members = {{"priority", {"high", "7"}}, {"cached", {"true"}}}},
                  {.members = {{"priority", {"1.50"}}}},
                  {.stream = false}});
  EXPECT_EQ(match(head("/"), R"({"stream":true})"), "0");
  EXPECT_EQ(match(head("/"), R"({"priority":"h\u0069gh","cached":true})"), "1");
  EXPECT_EQ(match(head("/"), R"({"cached":true,"priority":7})"), "1");
  EXPECT_EQ(match(head("/"), R"({"priority":1.50})"), "2");
  EXPECT_EQ(match(head("/"), R"({"priority":1.5})"), "3");
  EXPECT_EQ(match(head("/"), R"({"priority":["high"],"cached":true})"), "3");
  EXPECT_EQ(match(head("/")), "route_not_found") << "no body, nothing that it says";
}

TEST(RouteMatcherTest, AMemberThatTheGatewayReadsAnywayCanBeAskedForToo) {
  Matching match({{.members = {{"model", {"m"}}, {"n", {"2"}}, {"stream", {"false"}}}}});
  EXPECT_EQ(match(head("/"), R"({"model":"m","n":2,"stream":false})"), "0");
  EXPECT_EQ(match.why_not(0, head("/"), R"({"model":"m","n":3,"stream":false})"), "member n");
  EXPECT_EQ(match.why_not(0, head("/"), R"({"n":2,"stream":false,"stream_options":{"x":1}})"),
            "member model");
}

TEST(RouteMatcherTest, AKnownModelWithAnotherConditionInTheWayIsNoUnknownModel) {
  Matching match({{.models = {"m"}, .stream = true}});
  EXPECT_EQ(match(head("/"), R"({"model":"m","stream":true})"), "0");
  EXPECT_EQ(match(head("/"), R"({"model":"m"})"), "route_not_found");
  EXPECT_EQ(match(head("/"), R"({"model":"x"})"), "model_not_found");
  EXPECT_EQ(match(head("/"), "{}"), "invalid_body");
}

TEST(RouteMatcherTest, AnotherHostsRouteDoesNotMakeAMethodNotAllowed) {
  Matching match({{.methods = {Method::kGet}, .hosts = {HostPattern("a")}},
                  {.methods = {Method::kPut}, .hosts = {HostPattern("b")}}});
  EXPECT_EQ(match(head("/", "", "a", Method::kPut)), "method_not_allowed");
  EXPECT_EQ(match.matcher.allowed_methods(head("/", "", "a"), kPeer), "GET");
  EXPECT_EQ(match(head("/", "", "c", Method::kPut)), "route_not_found");
}

TEST(RouteMatcherTest, TheBodyIsNeededOnlyByTheFirstRouteThatTheHeadAllows) {
  Matching match({{.path = "/a", .models = {"m"}}, {.path = "/b", .edits_body = true}, {.path = "/"}});
  EXPECT_TRUE(match.matcher.match(head("/a"), kPeer)->needs_body);
  EXPECT_TRUE(match.matcher.match(head("/b"), kPeer)->needs_body);
  EXPECT_FALSE(match.matcher.match(head("/c"), kPeer)->needs_body);
}

TEST(RouteMatcherTest, ARouteWhoseClustersChooseByAMemberReadsTheBody) {
  RouteRule rule;
  rule.key_members = {"session"};
  Matching match({rule});
  EXPECT_TRUE(match.matcher.match(head("/"), kPeer)->needs_body);
  EXPECT_EQ(match.matcher.members(), std::vector<std::string>{"session"});
  EXPECT_EQ(match(head("/"), R"({"session":"s"})"), "0");
  EXPECT_EQ(match(head("/")), "0");
}

TEST(RouteMatcherTest, WhyARouteDoesNotMatchIsTheFirstConditionInTheWay) {
  Matching match({{.path = "/v1", .methods = {Method::kPost}, .hosts = {HostPattern("a")}, .models = {"m"}}});
  EXPECT_EQ(match.why_not(0, head("/v2", "", "b", Method::kGet)), "path");
  EXPECT_EQ(match.why_not(0, head("/v1", "", "b", Method::kGet)), "method");
  EXPECT_EQ(match.why_not(0, head("/v1", "", "b")), "host");
  EXPECT_EQ(match.why_not(0, head("/v1", "", "a")), "body");
  EXPECT_EQ(match.why_not(0, head("/v1", "", "a"), R"({"model":"x"})"), "model");
  EXPECT_EQ(match.why_not(0, head("/v1", "", "a"), R"({"model":"m"})"), "");
}

// The lists by path, host and model against trying every route, over rules that differ in all three.
TEST(RouteMatcherTest, FindsWhatTryingEveryRouteFinds) {
  std::mt19937 random(11);
  const auto one_in = [&](std::uint32_t n) { return random() % n == 0; };
  const auto host = [&] { return "h" + std::to_string(random() % 8) + ".example.org"; };
  const auto model = [&] { return "m" + std::to_string(random() % 8); };
  for (int round = 0; round < 100; ++round) {
    std::vector<RouteRule> rules(40);
    for (RouteRule& rule : rules) {
      rule.path = one_in(3) ? "/v1/chat" : "/v1/";
      if (!one_in(4)) rule.hosts.emplace_back(one_in(8) ? "*.example.org" : host());
      if (one_in(8)) rule.hosts.emplace_back(host());
      if (!one_in(4)) rule.models.push_back(model());
      if (one_in(8)) rule.models.push_back(model());
      if (one_in(4)) rule.methods = {Method::kPost};
      if (one_in(16)) rule.stream = true;
    }
    Matching match(rules);
    for (int i = 0; i < 50; ++i) {
      const RequestHead h = head(one_in(2) ? "/v1/chat" : "/v1/x", "", one_in(8) ? "elsewhere" : host(),
                                 one_in(4) ? Method::kPut : Method::kPost);
      const std::string body =
          R"({"model":")" + model() + R"(","stream":)" + (one_in(2) ? "true}" : "false}");
      std::size_t expected = 0;
      while (expected < rules.size() && !match.why_not(expected, h, body).empty())
        ++expected;
      const std::string found = match(h, body);
      if (expected < rules.size()) {
        EXPECT_EQ(found, std::to_string(expected));
      } else {
        EXPECT_THAT(found, testing::AnyOf("route_not_found", "model_not_found", "method_not_allowed"));
      }
    }
  }
}

}  // namespace
}  // namespace sluice
