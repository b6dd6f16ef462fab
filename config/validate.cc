#include "config/validate.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "config/suggest.h"
#include "config/units.h"

namespace sluice::config {
namespace {

std::string item_path(std::string_view list, std::size_t index, std::string_view key) {
  return join_path(index_path(list, index), key);
}

template <class Item, class Wanted>
bool contains(const std::vector<Item>& items, const Wanted& wanted) {
  return std::ranges::find(items, wanted) != items.end();
}

class Validator {
 public:
  Validator(const Config& config, Problems& problems) : config_(config), problems_(problems) {}

  void run() {
    check_names(config_.listeners, "listeners");
    check_names(config_.clusters, "clusters");
    check_names(config_.routes, "routes");
    check_listening_addresses();
    for (std::size_t i = 0; i < config_.clusters.size(); ++i)
      check_endpoints(i);
    const std::vector<std::string_view> known = known_clusters();
    for (std::size_t i = 0; i < config_.routes.size(); ++i)
      check_references(i, known);
    // Beside errors a warning would be noise: a misspelt reference alone makes its cluster unused.
    if (problems_.any_error()) return;
    warn_of_unused_clusters();
    warn_of_shadowed_routes();
  }

 private:
  template <class Item>
  void check_names(const std::vector<Item>& items, std::string_view list) {
    std::map<std::string_view, std::size_t> first;
    for (std::size_t i = 0; i < items.size(); ++i) {
      const std::string path = item_path(list, i, "name");
      if (problems_.failed(path)) continue;
      const auto [it, is_new] = first.emplace(items[i].name, i);
      if (!is_new) complain_of_duplicate(path, in_quotes(items[i].name), index_path(list, it->second));
    }
  }

  void complain_of_duplicate(const std::string& path, const std::string& what, const std::string& first) {
    problems_.error(
        path, fmt::format("{} is already taken by {} in line {}", what, first, problems_.find(first).line));
  }

  // Port 0 is another port each time, so two of them do not collide. The admin address comes first because it
  // may be the default, which has no place in the file to point at.
  void check_listening_addresses() {
    std::unordered_map<Address, std::string> first;
    const auto check = [&](const Address& address, const std::string& owner) {
      const std::string path = join_path(owner, "address");
      if (problems_.failed(path) || (address.kind == Address::Kind::kTcp && address.port == 0)) return;
      const auto [it, is_new] = first.emplace(address, owner);
      if (is_new) return;
      if (problems_.is_placed(join_path(it->second, "address"))) {
        complain_of_duplicate(path, address.to_string(), it->second);
      } else {
        problems_.error(path,
                        fmt::format("{} is the default of {}.address", address.to_string(), it->second));
      }
    };
    if (config_.admin.enabled && !problems_.failed("admin.enabled")) check(config_.admin.address, "admin");
    for (std::size_t i = 0; i < config_.listeners.size(); ++i) {
      check(config_.listeners[i].address, index_path("listeners", i));
    }
  }

  void check_endpoints(std::size_t cluster) {
    const std::string list = item_path("clusters", cluster, "endpoints");
    const std::vector<Endpoint>& endpoints = config_.clusters[cluster].endpoints;
    std::unordered_map<Address, std::size_t> first;
    for (std::size_t i = 0; i < endpoints.size(); ++i) {
      const std::string path = item_path(list, i, "address");
      if (problems_.failed(path)) continue;
      const auto [it, is_new] = first.emplace(endpoints[i].address, i);
      if (!is_new)
        complain_of_duplicate(path, endpoints[i].address.to_string(), index_path(list, it->second));
    }
  }

  // Empty where a name could not be read: it may be the very one that a route refers to.
  std::vector<std::string_view> known_clusters() const {
    std::vector<std::string_view> known;
    for (std::size_t i = 0; i < config_.clusters.size(); ++i) {
      if (problems_.failed(item_path("clusters", i, "name"))) return {};
      known.push_back(config_.clusters[i].name);
    }
    return known;
  }

  void check_references(std::size_t route, const std::vector<std::string_view>& known) {
    const std::string list = item_path("routes", route, "clusters");
    const std::vector<WeightedCluster>& clusters = config_.routes[route].clusters;
    check_names(clusters, list);
    for (std::size_t i = 0; i < clusters.size() && !known.empty(); ++i) {
      const std::string path = item_path(list, i, "name");
      if (problems_.failed(path) || contains(known, clusters[i].name)) continue;
      const auto meant = problems_.is_full() ? std::nullopt : suggest(clusters[i].name, known);
      problems_.error(path, fmt::format("no cluster is named {}{}", in_quotes(clusters[i].name),
                                        meant ? fmt::format("; did you mean {}?", *meant) : ""));
    }
  }

  void warn_of_unused_clusters() {
    std::set<std::string_view> used;
    for (const Route& route : config_.routes) {
      for (const WeightedCluster& cluster : route.clusters)
        used.insert(cluster.name);
    }
    for (std::size_t i = 0; i < config_.clusters.size(); ++i) {
      const std::string& name = config_.clusters[i].name;
      if (!used.contains(name)) {
        problems_.warning(item_path("clusters", i, "name"),
                          fmt::format("no route uses cluster {}", in_quotes(name)));
      }
    }
  }

  void warn_of_shadowed_routes();

  const Config& config_;
  Problems& problems_;
};

bool covers(const PathMatch& wide, const PathMatch& narrow) {
  if (wide.exact) return wide.exact == narrow.exact;
  return (narrow.exact ? *narrow.exact : *narrow.prefix).starts_with(*wide.prefix);
}

// An empty list takes everything.
bool covers(const std::vector<std::string>& wide, const std::vector<std::string>& narrow) {
  if (wide.empty()) return true;
  return !narrow.empty() &&
         std::ranges::all_of(narrow, [&](const std::string& item) { return contains(wide, item); });
}

bool covers(const Match& wide, const Match& narrow) {
  return covers(wide.path, narrow.path) && covers(wide.model, narrow.model) &&
         covers(wide.methods, narrow.methods);
}

void Validator::warn_of_shadowed_routes() {
  const std::vector<Route>& routes = config_.routes;
  for (std::size_t i = 0; i < routes.size(); ++i) {
    for (std::size_t earlier = 0; earlier < i; ++earlier) {
      if (!covers(routes[earlier].match, routes[i].match)) continue;
      const std::string shadow = index_path("routes", earlier);
      problems_.warning(index_path("routes", i),
                        fmt::format("never matches: {} in line {} takes all of its requests", shadow,
                                    problems_.find(shadow).line));
      break;
    }
  }
}

}  // namespace

void validate(const Config& config, Problems& problems) {
  Validator(config, problems).run();
}

}  // namespace sluice::config
