#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "gateway/base/result.h"
#include "gateway/http/head.h"
#include "gateway/proxy/filter_chain.h"
#include "gateway/proxy/route_timeouts.h"

namespace sluice {

class UpstreamCluster;

// What a request must look like to take a route. Empty lists match anything.
struct RouteRule {
  enum class PathKind : std::uint8_t { kExact, kPrefix };
  PathKind path_kind = PathKind::kPrefix;
  std::string path = "/";
  std::vector<Method> methods = {};
  std::vector<std::string> models = {};

  bool matches_head(const RequestHead& head) const noexcept;
  bool matches_model(std::string_view model) const noexcept;
};

// A rule and what happens to the requests that follow it.
struct Route {
  std::string name;
  RouteRule rule;
  RouteTimeouts timeouts;
  std::optional<std::uint64_t> max_body_bytes;  // replaces the listener's
  ExchangeChain chain;                          // from the target choice on
};

// The routes of a shard in their order; the first match wins. The match has two stages: what the head tells,
// before a byte of the body is read, and then, where a route that the head allows asks for it, the model in
// the body.
class RouteTable {
 public:
  // `clusters`: those that the chains lead to, kept alive by the table.
  explicit RouteTable(std::vector<Route> routes, std::vector<std::shared_ptr<UpstreamCluster>> clusters = {})
      : clusters_(std::move(clusters)), routes_(std::move(routes)) {}

  struct HeadMatch {
    std::size_t first = 0;  // the first route the head allows
    bool needs_model = false;
  };
  // kRouteNotFound, or kMethodNotAllowed when only the method is in the way.
  Result<HeadMatch> match(const RequestHead& head) const;

  // The methods that some route takes at the head's path, as a list for Allow.
  std::string allowed_methods(const RequestHead& head) const;

  // The route for a model, empty where the request names none. kModelNotFound; kInvalidBody when a model is
  // needed and none is named.
  Result<const Route*> match(const HeadMatch& head_match, const RequestHead& head,
                             std::string_view model) const;

  const Route& operator[](std::size_t index) const noexcept { return routes_[index]; }
  std::size_t size() const noexcept { return routes_.size(); }

 private:
  std::vector<std::shared_ptr<UpstreamCluster>> clusters_;  // outlive the chains
  std::vector<Route> routes_;
};

}  // namespace sluice
