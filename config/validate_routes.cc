#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstddef>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "config/route_cover.h"
#include "config/suggest.h"
#include "config/validate_sections.h"

// Routes: what they refer to, what contradicts itself in them, and what has no effect.
namespace sluice::config {
namespace {

constexpr std::size_t kNamesShown = 8;

// `; did you mean a?`, or the names there are.
std::string hint(std::string_view word, std::span<const std::string_view> known, const Problems& problems) {
  if (problems.is_full()) return "";
  if (const auto meant = suggest(word, known)) return fmt::format("; did you mean {}?", *meant);
  const auto shown = known.first(std::min(known.size(), kNamesShown));
  const std::size_t rest = known.size() - shown.size();
  return fmt::format("; known here: {}{}", fmt::join(shown, ", "),
                     rest > 0 ? fmt::format(" and {} more", rest) : "");
}

// By name; a cluster whose name could not be read may be the very one that a route refers to, so then there
// is none.
std::map<std::string_view, std::size_t> clusters_by_name(const Config& config, const Problems& problems) {
  std::map<std::string_view, std::size_t> clusters;
  for (std::size_t i = 0; i < config.clusters.size(); ++i) {
    if (problems.failed(item_path("clusters", i, "name"))) return {};
    clusters.emplace(config.clusters[i].name, i);
  }
  return clusters;
}

class RouteValidator {
 public:
  RouteValidator(const Config& config, Problems& problems)
      : config_(config), problems_(problems), clusters_(clusters_by_name(config, problems)) {}

  void check(std::size_t index) {
    const Route& route = config_.routes[index];
    const std::string path = index_path("routes", index);
    check_clusters(route, join_path(path, "clusters"));
    check_header_edits(route.request.headers, join_path(path, "request.headers"));
    check_header_edits(route.response.headers, join_path(path, "response.headers"));
    const std::string query = join_path(path, "request.query");
    check_once(route.request.query.remove, join_path(query, "remove"), "", "is removed", std::identity());
    check_once(route.request.query.set, join_path(query, "set"), "name", "is set", std::identity());
  }

 private:
  void check_clusters(const Route& route, const std::string& list) {
    check_names(route.clusters, list, problems_, "name each cluster once, with its whole weight");
    for (std::size_t i = 0; i < route.clusters.size(); ++i) {
      const WeightedCluster& target = route.clusters[i];
      const std::string served_as = item_path(list, i, "served_as");
      if (target.served_as && route.api == Route::Api::kHttp && !problems_.failed(served_as)) {
        problems_.error(served_as,
                        "cannot stand in a route with api: http, which changes no body; leave it out, or use "
                        "api: openai");
      }
      const std::string name = item_path(list, i, "name");
      if (clusters_.empty() || problems_.failed(name)) continue;
      if (const auto found = clusters_.find(target.name); found != clusters_.end()) {
        check_tags(target, found->second, item_path(list, i, "tags"));
      } else {
        std::vector<std::string_view> known;
        for (const Cluster& cluster : config_.clusters)
          known.push_back(cluster.name);
        problems_.error(name, fmt::format("no cluster is named {}{}", in_quotes(target.name),
                                          hint(target.name, known, problems_)));
      }
    }
  }

  // Discovery may bring endpoints with any tags.
  void check_tags(const WeightedCluster& target, std::size_t index, const std::string& path) {
    const Cluster& cluster = config_.clusters[index];
    const std::string cluster_path = index_path("clusters", index);
    if (target.tags.empty() || cluster.discovery || problems_.failed(path) ||
        problems_.failed(join_path(cluster_path, "endpoints")) ||
        problems_.failed(join_path(cluster_path, "discovery")))
      return;
    const auto serves = [&](const Endpoint& endpoint) {
      return endpoint.weight > 0 && std::ranges::all_of(target.tags, [&](const std::string& tag) {
               return contains(endpoint.tags, tag);
             });
    };
    if (std::ranges::any_of(cluster.endpoints, serves)) return;
    std::vector<std::string_view> known;
    for (const Endpoint& endpoint : cluster.endpoints) {
      for (const std::string& tag : endpoint.tags) {
        if (!contains(known, tag)) known.push_back(tag);
      }
    }
    const auto strange =
        std::ranges::find_if(target.tags, [&](std::string_view tag) { return !contains(known, tag); });
    if (strange == target.tags.end()) {
      problems_.error(path,
                      fmt::format("no endpoint of cluster {} with a weight above 0 has all of these tags; "
                                  "ask for fewer, or tag an endpoint",
                                  in_quotes(cluster.name)));
    } else {
      const auto at = static_cast<std::size_t>(strange - target.tags.begin());
      problems_.error(index_path(path, at), fmt::format("no endpoint of cluster {} has the tag {}{}",
                                                        in_quotes(cluster.name), in_quotes(*strange),
                                                        known.empty() ? "; none of them has a tag"
                                                                      : hint(*strange, known, problems_)));
    }
  }

  void check_header_edits(const HeaderEdits& edits, const std::string& path) {
    const auto lower = [](std::string name) {
      std::ranges::transform(name, name.begin(), [](char c) {
        return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
      });
      return name;
    };
    check_once(edits.remove, join_path(path, "remove"), "", "is removed", lower);
    check_once(edits.set, join_path(path, "set"), "name", "is set", lower);
  }

  // Only one of two edits of the same kind and name could have an effect.
  template <class Item, class Spelling>
  void check_once(const std::vector<Item>& items, const std::string& list, std::string_view key,
                  std::string_view what, Spelling spelling) {
    std::map<std::string, std::size_t> first;
    for (std::size_t i = 0; i < items.size(); ++i) {
      const std::string path = item_path(list, i, key);
      if (problems_.failed(path)) continue;
      const std::string& name = name_of(items[i]);
      const auto [it, is_new] = first.emplace(spelling(name), i);
      if (is_new) continue;
      problems_.error(path, fmt::format("{} {} twice, first in line {}; keep one of them", in_quotes(name),
                                        what, problems_.find(index_path(list, it->second)).line));
    }
  }

  static const std::string& name_of(const std::string& name) { return name; }
  static const std::string& name_of(const NamedValue& item) { return item.name; }

  const Config& config_;
  Problems& problems_;
  std::map<std::string_view, std::size_t> clusters_;
};

// Keys about a backend in a route that has none, and about answers in one that does not read them.
void warn_of_idle_keys(const Route& route, const RouteDefaults& defaults, const std::string& path,
                       Problems& problems) {
  const auto warn = [&](std::string_view key, std::string_view reason) {
    problems.warning(join_path(path, key), fmt::format("has no effect {}; leave it out", reason));
  };
  if (route.clusters.empty()) {
    if (route.timeouts != defaults.timeouts) warn("timeouts", "without clusters");
    if (route.retry != defaults.retry) warn("retry", "without clusters");
    if (route.usage != defaults.usage) warn("usage", "without clusters");
  } else if (route.api == Route::Api::kHttp && route.usage != defaults.usage) {
    warn("usage", "with api: http, whose answers are not read");
  }
}

void warn_of_shadowed(const std::vector<Route>& routes, std::size_t index, Problems& problems) {
  const auto later = routes.begin() + static_cast<std::ptrdiff_t>(index);
  const auto earlier = std::find_if(routes.begin(), later,
                                    [&](const Route& route) { return covers(route.match, later->match); });
  if (earlier == later) return;
  const std::string shadow = index_path("routes", static_cast<std::size_t>(earlier - routes.begin()));
  problems.warning(
      index_path("routes", index),
      fmt::format("never matches: {} in line {} takes all of its requests; move it above that, or "
                  "remove it",
                  shadow, problems.find(shadow).line));
}

}  // namespace

void validate_routes(const Config& config, Problems& problems) {
  RouteValidator validator(config, problems);
  for (std::size_t i = 0; i < config.routes.size(); ++i)
    validator.check(i);
}

void warn_about_routes(const Config& config, Problems& problems) {
  for (std::size_t i = 0; i < config.routes.size(); ++i) {
    warn_of_idle_keys(config.routes[i], config.defaults, index_path("routes", i), problems);
    warn_of_shadowed(config.routes, i, problems);
  }
}

}  // namespace sluice::config
