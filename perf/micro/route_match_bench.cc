// What it takes to find a request's route among 100, in the ways in which routes are usually told apart. Each
// benchmark asks for the last route, the one that a linear search finds last.

#include <benchmark/benchmark.h>

#include <string>
#include <vector>

#include "gateway/proxy/route_matcher.h"

namespace sluice {
namespace {

constexpr int kRoutes = 100;
constexpr std::string_view kPeer = "10.1.2.3:4000";

std::string numbered(std::string_view text, int i) {
  return std::string(text) + std::to_string(i);
}

RequestHead head(std::string_view path, std::string_view host) {
  RequestHead h;
  h.method = Method::kPost;
  h.set_authority(host);
  h.set_target(path, "?api-version=2026-01-01");
  h.headers.add("content-type", "application/json");
  h.headers.add("authorization", "Bearer 0123456789abcdef");
  h.headers.add("user-agent", "OpenAI/Python 1.99.0");
  h.headers.add("accept", "application/json");
  return h;
}

template <class MakeRule>
RouteMatcher matcher_of(MakeRule make_rule) {
  std::vector<RouteRule> rules;
  for (int i = 0; i < kRoutes; ++i)
    rules.push_back(make_rule(i));
  return RouteMatcher(std::move(rules));
}

void match_both_stages(benchmark::State& state, const RouteMatcher& matcher, const RequestHead& h,
                       const llm::RequestView* body) {
  for (auto _ : state) {
    const auto by_head = matcher.match(h, kPeer);
    auto route = matcher.match(*by_head, h, kPeer, body);
    if (*route != kRoutes - 1) state.SkipWithError("another route");
    benchmark::DoNotOptimize(route);
  }
}

void by_exact_path(benchmark::State& state) {
  const RouteMatcher matcher = matcher_of([](int i) {
    return RouteRule{.path_kind = PathKind::kExact, .path = numbered("/services/predict/", i)};
  });
  match_both_stages(state, matcher, head(numbered("/services/predict/", kRoutes - 1), "gateway"), nullptr);
}
BENCHMARK(by_exact_path);

void by_prefix(benchmark::State& state) {
  const RouteMatcher matcher =
      matcher_of([](int i) { return RouteRule{.path = numbered("/services/", i) + "/"}; });
  match_both_stages(state, matcher, head(numbered("/services/", kRoutes - 1) + "/v1/predict", "gateway"),
                    nullptr);
}
BENCHMARK(by_prefix);

void by_model_on_one_path(benchmark::State& state) {
  const RouteMatcher matcher = matcher_of([](int i) {
    return RouteRule{.path = "/v1/", .methods = {Method::kPost}, .models = {numbered("org/model-", i)}};
  });
  const std::string model = numbered("org/model-", kRoutes - 1);
  llm::RequestView body;
  body.model = llm::JsonText(model);
  match_both_stages(state, matcher, head("/v1/chat/completions", "gateway"), &body);
}
BENCHMARK(by_model_on_one_path);

void by_host_on_one_path(benchmark::State& state) {
  const RouteMatcher matcher = matcher_of([](int i) {
    return RouteRule{.path = "/v1/", .hosts = {HostPattern(numbered("tenant-", i) + ".example.org")}};
  });
  match_both_stages(state, matcher,
                    head("/v1/chat/completions", numbered("Tenant-", kRoutes - 1) + ".example.org:8080"),
                    nullptr);
}
BENCHMARK(by_host_on_one_path);

// Some of everything: 50 paths, 25 hosts, 24 models on one path, and a rest with a header and a network.
void mixed(benchmark::State& state) {
  const RouteMatcher matcher = matcher_of([](int i) {
    if (i < 50) return RouteRule{.path = numbered("/services/", i) + "/"};
    if (i < 75)
      return RouteRule{.path = "/v1/", .hosts = {HostPattern(numbered("tenant-", i) + ".example.org")}};
    if (i < 99) return RouteRule{.path = "/v1/", .models = {numbered("org/model-", i)}};
    return RouteRule{
        .path = "/v1/",
        .headers = {{.name = "authorization", .kind = FieldMatch::Kind::kPrefix, .value = "Bearer "}},
        .clients = {IpNetwork::parse("10.0.0.0/8").value()}};
  });
  llm::RequestView body;
  body.model = llm::JsonText("another/model");
  match_both_stages(state, matcher, head("/v1/chat/completions", "gateway"), &body);
}
BENCHMARK(mixed);

}  // namespace
}  // namespace sluice
