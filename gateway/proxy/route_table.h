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
#include "gateway/proxy/responder.h"
#include "gateway/proxy/route_matcher.h"
#include "gateway/proxy/route_timeouts.h"

namespace sluice {

class UpstreamCluster;

// A rule and what happens to the requests that follow it.
struct Route {
  std::string name;
  RouteRule rule;  // moves to the matcher; empty where a matcher is shared
  RouteTimeouts timeouts;
  std::optional<std::uint64_t> max_body_bytes;  // replaces the listener's
  ErrorFormat error_format = ErrorFormat::kOpenAi;
  ExchangeChain chain;  // from the choice of a target on
};

// The routes of a shard in their order, with the matcher that finds the one for a request. Threads: its
// shard's; the matcher is shared by all.
class RouteTable {
 public:
  using HeadMatch = RouteMatcher::HeadMatch;

  // `clusters`: those that the chains lead to, kept alive by the table.
  RouteTable(std::shared_ptr<const RouteMatcher> matcher, std::vector<Route> routes,
             std::vector<std::shared_ptr<UpstreamCluster>> clusters);
  // With a matcher of its own, made of the routes' rules.
  explicit RouteTable(std::vector<Route> routes, std::vector<std::shared_ptr<UpstreamCluster>> clusters = {});

  // As RouteMatcher's.
  Result<HeadMatch> match(const RequestHead& head, std::string_view peer) const {
    return matcher_->match(head, peer);
  }
  Result<const Route*> match(const HeadMatch& head_match, const RequestHead& head, std::string_view peer,
                             const llm::RequestView* body) const;

  // The longest body, in bytes, that any route still possible takes; `listeners` is the limit of those
  // without their own.
  std::uint64_t body_limit(const HeadMatch& head_match, const RequestHead& head, std::string_view peer,
                           std::uint64_t listeners) const;

  const RouteMatcher& matcher() const noexcept { return *matcher_; }
  const Route& operator[](std::size_t index) const noexcept { return routes_[index]; }
  std::size_t size() const noexcept { return routes_.size(); }

 private:
  std::vector<std::shared_ptr<UpstreamCluster>> clusters_;  // outlive the chains
  std::shared_ptr<const RouteMatcher> matcher_;
  std::vector<Route> routes_;
  bool have_body_limits_;
};

}  // namespace sluice
