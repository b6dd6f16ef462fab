#include "gateway/proxy/route_table.h"

#include <algorithm>
#include <utility>

namespace sluice {
namespace {

std::shared_ptr<const RouteMatcher> compile(std::vector<Route>& routes) {
  std::vector<RouteRule> rules;
  rules.reserve(routes.size());
  for (Route& route : routes)
    rules.push_back(std::move(route.rule));
  return std::make_shared<const RouteMatcher>(std::move(rules));
}

}  // namespace

RouteTable::RouteTable(std::shared_ptr<const RouteMatcher> matcher, std::vector<Route> routes,
                       std::vector<std::shared_ptr<UpstreamCluster>> clusters)
    : clusters_(std::move(clusters)),
      matcher_(std::move(matcher)),
      routes_(std::move(routes)),
      have_body_limits_(std::ranges::any_of(
          routes_, [](const Route& route) { return route.max_body_bytes.has_value(); })) {}

RouteTable::RouteTable(std::vector<Route> routes, std::vector<std::shared_ptr<UpstreamCluster>> clusters)
    : RouteTable(compile(routes), std::move(routes), std::move(clusters)) {}

Result<const Route*> RouteTable::match(const HeadMatch& head_match, const RequestHead& head,
                                       std::string_view peer, const llm::RequestView* body) const {
  const Result<std::size_t> index = matcher_->match(head_match, head, peer, body);
  if (!index) return fail(index.error());
  return &routes_[*index];
}

std::uint64_t RouteTable::body_limit(const HeadMatch& head_match, const RequestHead& head,
                                     std::string_view peer, std::uint64_t listeners) const {
  if (!have_body_limits_) return listeners;
  std::uint64_t limit = 0;
  for (const std::uint32_t index : head_match.rest) {
    if (index != head_match.first && !matcher_->allows(index, head, peer)) continue;
    limit = std::max(limit, routes_[index].max_body_bytes.value_or(listeners));
    if (!(*matcher_)[index].asks_for_body()) break;
  }
  return limit;
}

}  // namespace sluice
