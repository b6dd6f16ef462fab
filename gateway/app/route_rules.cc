#include "gateway/app/route_rules.h"

#include <algorithm>
#include <utility>
#include <vector>

namespace sluice {
namespace {

FieldMatch make_field_match(const config::FieldMatch& match) {
  using Kind = FieldMatch::Kind;
  if (match.exact) return {.name = match.name, .kind = Kind::kExact, .value = *match.exact};
  if (match.prefix) return {.name = match.name, .kind = Kind::kPrefix, .value = *match.prefix};
  // The configuration has been checked: what does not compile here is a broken invariant, and throws.
  if (match.regex)
    return {.name = match.name, .kind = Kind::kRegex, .pattern = Pattern::compile(*match.regex).value()};
  return {.name = match.name, .kind = match.present.value_or(true) ? Kind::kPresent : Kind::kAbsent};
}

std::vector<FieldMatch> make_field_matches(const std::vector<config::FieldMatch>& matches) {
  std::vector<FieldMatch> made;
  for (const config::FieldMatch& match : matches)
    made.push_back(make_field_match(match));
  return made;
}

void set_path(RouteRule& rule, const config::PathMatch& path) {
  if (path.regex) {
    rule.path_kind = PathKind::kRegex;
    rule.path_pattern = Pattern::compile(*path.regex).value();
  } else {
    rule.path_kind = path.exact ? PathKind::kExact : PathKind::kPrefix;
    rule.path = path.exact ? *path.exact : path.prefix.value();
  }
}

// What the route's clusters choose an endpoint by.
std::vector<std::string> key_members(const config::Config& config, const config::Route& route) {
  std::vector<std::string> names;
  for (const config::WeightedCluster& target : route.clusters) {
    const auto cluster = std::ranges::find(config.clusters, target.name, &config::Cluster::name);
    for (const config::HashKey& key : cluster->load_balancer.hash_by) {
      if (key.member) names.push_back(*key.member);
    }
  }
  return names;
}

RouteRule make_rule(const config::Config& config, const config::Route& route) {
  const config::Match& match = route.match;
  RouteRule rule;
  set_path(rule, match.path);
  for (const std::string& method : match.methods)
    rule.methods.push_back(parse_method(method).value());
  for (const std::string& host : match.hosts)
    rule.hosts.emplace_back(host);
  rule.headers = make_field_matches(match.headers);
  rule.query = make_field_matches(match.query);
  for (const std::string& network : match.clients)
    rule.clients.push_back(IpNetwork::parse(network).value());
  rule.models = match.model;
  rule.stream = match.stream;
  for (const config::MemberMatch& member : match.members)
    rule.members.push_back({member.name, member.values});
  rule.edits_body = std::ranges::any_of(
      route.clusters, [](const config::WeightedCluster& cluster) { return cluster.served_as.has_value(); });
  rule.key_members = key_members(config, route);
  rule.lenient_body = route.api == config::Route::Api::kHttp;
  return rule;
}

}  // namespace

std::shared_ptr<const RouteMatcher> compile_routes(const config::Config& config) {
  std::vector<RouteRule> rules;
  rules.reserve(config.routes.size());
  for (const config::Route& route : config.routes)
    rules.push_back(make_rule(config, route));
  return std::make_shared<const RouteMatcher>(std::move(rules));
}

}  // namespace sluice
