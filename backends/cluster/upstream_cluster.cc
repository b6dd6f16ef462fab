#include "backends/cluster/upstream_cluster.h"

#include <algorithm>
#include <utility>

namespace sluice {

UpstreamCluster::UpstreamCluster(Loop& loop, std::string name, std::vector<Endpoint> endpoints,
                                 std::unique_ptr<LoadBalancer> balancer)
    : loop_(loop), name_(std::move(name)), endpoints_(std::move(endpoints)), balancer_(std::move(balancer)) {}

Result<std::size_t> UpstreamCluster::pick(std::span<const std::uint32_t> tried) {
  for (const Strictness strictness : {Strictness::kPreferred, Strictness::kNotTried, Strictness::kAny}) {
    if (const auto picked = pick_among(tried, strictness)) return *picked;
  }
  return fail(ErrorKind::kNoEndpoint, "cluster " + name_ + " has no endpoint with a weight");
}

std::optional<std::size_t> UpstreamCluster::pick_among(std::span<const std::uint32_t> tried,
                                                       Strictness strictness) {
  const TimePoint now = loop_.now();
  candidates_.clear();
  for (std::uint32_t i = 0; i < endpoints_.size(); ++i) {
    const Endpoint& e = endpoints_[i];
    bool eligible = true;
    if (strictness != Strictness::kAny && std::ranges::find(tried, i) != tried.end()) eligible = false;
    if (strictness == Strictness::kPreferred && e.state->avoided(now)) eligible = false;
    candidates_.push_back({e.weight, e.state->in_flight.load(std::memory_order_relaxed), eligible});
  }
  return balancer_->pick(candidates_, loop_.random());
}

}  // namespace sluice
