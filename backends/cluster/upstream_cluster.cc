#include "backends/cluster/upstream_cluster.h"

#include <algorithm>
#include <unordered_map>
#include <utility>

#include "backends/cluster/hash_balancers.h"

namespace sluice {
namespace {

std::unique_ptr<LoadBalancer> make_balancer(BalancerPolicy policy, const EndpointSet& endpoints) {
  std::vector<HashMember> members;
  for (const auto& e : endpoints)
    members.push_back({e->state->name, e->weight});
  switch (policy) {
    case BalancerPolicy::kRoundRobin:
      return make_round_robin();
    case BalancerPolicy::kLeastLoaded:
      return make_least_loaded();
    case BalancerPolicy::kRingHash:
      return make_ring_hash(members);
    case BalancerPolicy::kMaglev:
      return make_maglev(members);
  }
  std::unreachable();
}

// What each of `to` is owed in the round that `balancer` keeps over `from`; nothing if it is new.
std::vector<std::int64_t> credit_of(const LoadBalancer& balancer, const EndpointSet& from,
                                    const EndpointSet& to) {
  const std::vector<std::int64_t> credit = balancer.credit();
  std::unordered_map<const EndpointState*, std::int64_t> owed;
  for (std::size_t i = 0; i < std::min(credit.size(), from.size()); ++i)
    owed.emplace(from[i]->state.get(), credit[i]);
  std::vector<std::int64_t> out;
  for (const auto& endpoint : to) {
    const auto known = owed.find(endpoint->state.get());
    out.push_back(known == owed.end() ? 0 : known->second);
  }
  return out;
}

}  // namespace

UpstreamCluster::UpstreamCluster(Loop& loop, std::string name, EndpointSet endpoints, ClusterPolicy policy)
    : loop_(loop), name_(std::move(name)), policy_(std::move(policy)) {
  set_endpoints(std::move(endpoints));
}

void UpstreamCluster::set_endpoints(EndpointSet endpoints) {
  auto balancer = make_balancer(policy_.balancer, endpoints);
  if (balancer_) balancer->take_over_credit(credit_of(*balancer_, endpoints_, endpoints));
  endpoints_ = std::move(endpoints);
  balancer_ = std::move(balancer);
}

void UpstreamCluster::take_over_turns(const UpstreamCluster& replaced) {
  balancer_->take_over_credit(credit_of(*replaced.balancer_, replaced.endpoints_, endpoints_));
}

Result<std::shared_ptr<const ClusterEndpoint>> UpstreamCluster::pick(const PickRequest& request) {
  // One for all levels: what a level waives must not also move the key.
  const std::uint64_t key = request.key ? *request.key : loop_.random().next();
  for (const Strictness strictness :
       {Strictness::kPreferredZone, Strictness::kNotAvoided, Strictness::kNotTried, Strictness::kAny}) {
    if (strictness == Strictness::kPreferredZone && !policy_.prefer_zone) continue;
    if (const auto picked = pick_among(request, key, strictness)) return endpoints_[*picked];
  }
  return fail(ErrorKind::kNoEndpoint, "cluster " + name_ + " has no endpoint with a weight" +
                                          (request.tags.empty() ? "" : " and the route's tags"));
}

bool UpstreamCluster::eligible(const ClusterEndpoint& endpoint, const PickRequest& request,
                               Strictness strictness, TimePoint now) const {
  for (const std::string& tag : request.tags) {
    if (std::ranges::find(endpoint.tags, tag) == endpoint.tags.end()) return false;
  }
  if (strictness == Strictness::kAny) return true;
  if (std::ranges::find(request.tried, endpoint.state) != request.tried.end()) return false;
  if (strictness == Strictness::kNotTried) return true;
  if (endpoint.state->avoided(now)) return false;
  return strictness == Strictness::kNotAvoided || endpoint.zone == policy_.prefer_zone;
}

std::optional<std::size_t> UpstreamCluster::pick_among(const PickRequest& request, std::uint64_t key,
                                                       Strictness strictness) {
  const TimePoint now = loop_.now();
  candidates_.clear();
  for (const auto& e : endpoints_) {
    candidates_.push_back({e->weight, e->state->in_flight.load(std::memory_order_relaxed),
                           eligible(*e, request, strictness, now)});
  }
  return balancer_->pick(candidates_, key, loop_.random());
}

std::optional<std::uint64_t> UpstreamCluster::key_of(const Request& request, std::string_view client) const {
  if (policy_.hash_by.empty()) return std::nullopt;
  return hash_key(policy_.hash_by, request, client);
}

}  // namespace sluice
