#include "gateway/proxy/route_table.h"

#include <gtest/gtest.h>

namespace sluice {
namespace {

RequestHead head(Method method, std::string_view path) {
  RequestHead h;
  h.method = method;
  h.set_target(path, "");
  return h;
}

RouteTable table(std::vector<std::pair<std::string, RouteRule>> rules) {
  std::vector<Route> routes;
  for (auto& [name, rule] : rules) {
    routes.emplace_back();
    routes.back().name = name;
    routes.back().rule = std::move(rule);
  }
  return RouteTable(std::move(routes));
}

constexpr std::string_view kPeer = "10.1.2.3:4000";

// What a body with this model would be seen as; a null pointer where it is empty.
class BodyWithModel {
 public:
  explicit BodyWithModel(std::string_view model) : model_(model) { view_.model = llm::JsonText(model_); }
  const llm::RequestView* view() const { return model_.empty() ? nullptr : &view_; }

 private:
  std::string model_;
  llm::RequestView view_;
};

// The route's name, or the error's.
std::string route_of(const RouteTable& routes, const RequestHead& h, std::string_view model = {}) {
  const auto by_head = routes.match(h, kPeer);
  if (!by_head) return std::string(traits(by_head.error().kind).name);
  const BodyWithModel body(model);
  const auto route = routes.match(*by_head, h, kPeer, body.view());
  if (!route) return std::string(traits(route.error().kind).name);
  return (*route)->name;
}

TEST(RouteTableTest, TheFirstMatchingRouteWins) {
  const RouteTable routes = table(
      {{"chat", {.path = "/v1/chat"}}, {"v1", {.path = "/v1/"}}, {"late", {.path = "/v1/chat/completions"}}});
  EXPECT_EQ(route_of(routes, head(Method::kPost, "/v1/chat/completions")), "chat");
  EXPECT_EQ(route_of(routes, head(Method::kPost, "/v1/models")), "v1");
  EXPECT_EQ(route_of(routes, head(Method::kPost, "/v2")), "route_not_found");
}

TEST(RouteTableTest, AnExactPathMatchesItselfOnlyAndAPrefixWhateverFollows) {
  const RouteTable routes = table({{"exact", {.path_kind = PathKind::kExact, .path = "/v1/models"}},
                                   {"prefix", {.path_kind = PathKind::kPrefix, .path = "/v1/models/"}}});
  EXPECT_EQ(route_of(routes, head(Method::kGet, "/v1/models")), "exact");
  EXPECT_EQ(route_of(routes, head(Method::kGet, "/v1/models/x")), "prefix");
  EXPECT_EQ(route_of(routes, head(Method::kGet, "/v1/modelsx")), "route_not_found");
  EXPECT_EQ(route_of(routes, head(Method::kGet, "/V1/models")), "route_not_found");
}

TEST(RouteTableTest, OnlyTheMethodInTheWayIs405AndAnUnknownPath404) {
  const RouteTable routes = table({{"post", {.path = "/v1/", .methods = {Method::kPost}}},
                                   {"get", {.path = "/v1/", .methods = {Method::kGet}}}});
  EXPECT_EQ(route_of(routes, head(Method::kPost, "/v1/x")), "post");
  EXPECT_EQ(route_of(routes, head(Method::kGet, "/v1/x")), "get");
  EXPECT_EQ(route_of(routes, head(Method::kDelete, "/v1/x")), "method_not_allowed");
  EXPECT_EQ(route_of(routes, head(Method::kDelete, "/x")), "route_not_found");
  EXPECT_EQ(routes.matcher().allowed_methods(head(Method::kDelete, "/v1/x"), kPeer), "GET, POST");
  EXPECT_EQ(routes.matcher().allowed_methods(head(Method::kDelete, "/x"), kPeer), "");
}

TEST(RouteTableTest, AModelTakesTheFirstRouteThatListsIt) {
  const RouteTable routes = table({{"a", {.models = {"llama", "qwen"}}}, {"b", {.models = {"qwen", "phi"}}}});
  EXPECT_TRUE(routes.match(head(Method::kPost, "/"), kPeer)->needs_body);
  EXPECT_EQ(route_of(routes, head(Method::kPost, "/"), "llama"), "a");
  EXPECT_EQ(route_of(routes, head(Method::kPost, "/"), "qwen"), "a");
  EXPECT_EQ(route_of(routes, head(Method::kPost, "/"), "phi"), "b");
  EXPECT_EQ(route_of(routes, head(Method::kPost, "/"), "Llama"), "model_not_found");
  EXPECT_EQ(route_of(routes, head(Method::kPost, "/"), ""), "invalid_body");
}

TEST(RouteTableTest, ARouteForAnyModelCatchesTheRest) {
  const RouteTable routes =
      table({{"a", {.models = {"llama"}}}, {"any", {}}, {"never", {.models = {"phi"}}}});
  EXPECT_EQ(route_of(routes, head(Method::kPost, "/"), "llama"), "a");
  EXPECT_EQ(route_of(routes, head(Method::kPost, "/"), "phi"), "any");
  EXPECT_EQ(route_of(routes, head(Method::kGet, "/")), "any");
}

TEST(RouteTableTest, TheBodyIsNotNeededWhereTheFirstMatchTakesAnyModel) {
  const RouteTable routes = table({{"any", {.path = "/v1/"}}, {"a", {.models = {"llama"}}}});
  EXPECT_FALSE(routes.match(head(Method::kPost, "/v1/x"), kPeer)->needs_body);
  EXPECT_TRUE(routes.match(head(Method::kPost, "/v2"), kPeer)->needs_body);
}

TEST(RouteTableTest, AModelDoesNotOpenARouteOfAnotherMethodOrPath) {
  const RouteTable routes =
      table({{"get", {.path = "/v1/", .methods = {Method::kGet}, .models = {"llama"}}},
             {"post", {.path = "/v1/", .methods = {Method::kPost}, .models = {"qwen"}}}});
  EXPECT_EQ(route_of(routes, head(Method::kPost, "/v1/x"), "llama"), "model_not_found");
}

TEST(RouteTableTest, AnUnknownModelsNameIsCutInTheErrorsText) {
  const RouteTable routes = table({{"a", {.models = {"llama"}}}});
  const RequestHead h = head(Method::kPost, "/");
  const BodyWithModel body(std::string(5000, 'm'));
  const auto route = routes.match(*routes.match(h, kPeer), h, kPeer, body.view());
  EXPECT_LT(route.error().detail().size(), 400u);
}

}  // namespace
}  // namespace sluice
