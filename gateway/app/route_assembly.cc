#include "gateway/app/route_assembly.h"

#include <utility>

#include "backends/forwarder/forwarder.h"

namespace sluice {
namespace {

RouteRule make_rule(const config::Match& match) {
  RouteRule rule;
  rule.path_kind = match.path.exact ? RouteRule::PathKind::kExact : RouteRule::PathKind::kPrefix;
  rule.path = match.path.exact ? *match.path.exact : match.path.prefix.value_or("/");
  rule.models = match.model;
  for (const std::string& method : match.methods) {
    if (const auto known = parse_method(method)) rule.methods.push_back(*known);
  }
  return rule;
}

}  // namespace

std::shared_ptr<const RouteTable> assemble_routes(const config::Config& config,
                                                  const FilterServices& services,
                                                  const ClusterSet& clusters) {
  std::vector<std::shared_ptr<UpstreamCluster>> owned;
  std::vector<Route> routes;
  for (const config::Route& r : config.routes) {
    RouteSettings settings;
    settings.attempts = r.retry.attempts;
    for (const config::WeightedCluster& w : r.clusters) {
      std::shared_ptr<UpstreamCluster> cluster = clusters.find(w.name);
      settings.targets.push_back({cluster.get(), w.name, w.weight});
      owned.push_back(std::move(cluster));
    }
    Route route;
    route.name = r.name;
    route.rule = make_rule(r.match);
    route.timeouts = {.connect = r.timeouts.connect,
                      .first_content = r.timeouts.first_content,
                      .between_tokens = r.timeouts.between_tokens,
                      .total = r.timeouts.total};
    route.max_body_bytes = r.max_body_bytes;
    route.chain = make_route_chain(services, std::move(settings), std::make_unique<Forwarder>(services.loop));
    routes.push_back(std::move(route));
  }
  return std::make_shared<const RouteTable>(std::move(routes), std::move(owned));
}

}  // namespace sluice
