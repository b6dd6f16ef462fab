#include "gateway/app/route_assembly.h"

#include <utility>

#include "backends/forwarder/forwarder.h"

namespace sluice {
namespace {

HeaderEdits make_header_edits(const config::HeaderEdits& edits) {
  HeaderEdits made;
  made.remove = edits.remove;
  for (const config::NamedValue& field : edits.set)
    made.set.emplace_back(field.name, field.value);
  for (const config::NamedValue& field : edits.add)
    made.add.emplace_back(field.name, field.value);
  return made;
}

std::optional<PathRewrite> make_rewrite(const config::PathMatch& path,
                                        const std::optional<std::string>& replacement) {
  if (!replacement) return std::nullopt;
  const std::string& named = path.exact ? *path.exact : path.prefix.value();
  return PathRewrite{.matched = named.size(), .replacement = *replacement};
}

RequestEdits make_request_edits(const config::Route& route) {
  const config::RequestEdits& edits = route.request;
  RequestEdits made;
  made.path = make_rewrite(route.match.path, edits.path_prefix);
  made.host = edits.host;
  made.headers = make_header_edits(edits.headers);
  made.query.remove = edits.query.remove;
  for (const config::NamedValue& parameter : edits.query.set)
    made.query.set.emplace_back(parameter.name, parameter.value);
  return made;
}

// The names by which clients may ask for a model.
std::vector<std::string> aliases_of(const config::Config& config) {
  std::vector<std::string> names;
  for (const config::Route& route : config.routes)
    names.insert(names.end(), route.match.model.begin(), route.match.model.end());
  return names;
}

RouteSettings make_settings(const config::Route& route) {
  RouteSettings settings;
  settings.attempts = route.retry.attempts;
  settings.meter_usage = route.usage.enabled && route.api == config::Route::Api::kOpenAi;
  settings.request = make_request_edits(route);
  settings.response = make_header_edits(route.response.headers);
  if (const auto& respond = route.respond) {
    settings.answer = {.status = static_cast<int>(respond->status),
                       .content_type = respond->content_type,
                       .body = respond->body.value_or("")};
  }
  if (const auto& redirect = route.redirect) {
    settings.redirect = {.status = static_cast<int>(redirect->status),
                         .scheme = redirect->scheme,
                         .host = redirect->host,
                         .path = redirect->path,
                         .rewrite = make_rewrite(route.match.path, redirect->path_prefix)};
  }
  return settings;
}

}  // namespace

std::shared_ptr<const RouteTable> assemble_routes(const config::Config& config,
                                                  const FilterServices& services, const ClusterSet& clusters,
                                                  std::shared_ptr<const RouteMatcher> matcher) {
  std::vector<std::shared_ptr<UpstreamCluster>> owned;
  std::vector<Route> routes;
  for (const config::Route& r : config.routes) {
    RouteSettings settings = make_settings(r);
    for (const config::WeightedCluster& w : r.clusters) {
      std::shared_ptr<UpstreamCluster> cluster = clusters.find(w.name);
      settings.targets.push_back({cluster.get(), w.name, w.weight, w.served_as, w.tags});
      owned.push_back(std::move(cluster));
    }
    if (r.list_models) {
      settings.models = {.clusters = {}, .aliases = aliases_of(config)};
      for (const config::Cluster& c : config.clusters) {
        std::shared_ptr<UpstreamCluster> cluster = clusters.find(c.name);
        settings.models->clusters.push_back(cluster.get());
        owned.push_back(std::move(cluster));
      }
    }
    Route route;
    route.name = r.name;
    route.timeouts = {.connect = r.timeouts.connect,
                      .first_content = r.timeouts.first_content,
                      .between_tokens = r.timeouts.between_tokens,
                      .total = r.timeouts.total};
    route.max_body_bytes = r.max_body_bytes;
    route.error_format = r.api == config::Route::Api::kHttp ? ErrorFormat::kPlain : ErrorFormat::kOpenAi;
    route.chain = make_route_chain(services, std::move(settings), std::make_unique<Forwarder>(services.loop));
    routes.push_back(std::move(route));
  }
  return std::make_shared<const RouteTable>(std::move(matcher), std::move(routes), std::move(owned));
}

}  // namespace sluice
