#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "backends/cluster/cluster_endpoint.h"
#include "backends/cluster/hash_key.h"
#include "backends/cluster/load_balancer.h"
#include "gateway/base/result.h"
#include "gateway/runtime/loop.h"

namespace sluice {

enum class BalancerPolicy : std::uint8_t { kRoundRobin, kLeastLoaded, kRingHash, kMaglev };

// How a cluster chooses; the configuration names and describes it.
struct ClusterPolicy {
  BalancerPolicy balancer = BalancerPolicy::kLeastLoaded;
  std::vector<HashSource> hash_by = {};  // for the hashing balancers
  std::optional<std::string> prefer_zone = {};
};

// What a pick goes by. Borrows what it refers to.
struct PickRequest {
  std::span<const std::shared_ptr<const EndpointState>> tried = {};  // that failed this call
  std::span<const std::string> tags = {};                            // an endpoint must have all of them
  std::optional<std::uint64_t> key = {};  // equal keys go to the same endpoint; without one, to any
};

// One shard's view of a cluster: its endpoints, and the load balancer over them. The endpoints are replaced
// as a whole when the configuration or discovery says so; what is under way keeps the endpoint it was given.
// What the process shares about an endpoint is its EndpointState. Threads: its loop's.
class UpstreamCluster {
 public:
  UpstreamCluster(Loop& loop, std::string name, EndpointSet endpoints, ClusterPolicy policy);

  // Endpoints that stay, by their state, keep their place in the round.
  void set_endpoints(EndpointSet endpoints);
  // Goes on with the round of the cluster that this one replaces.
  void take_over_turns(const UpstreamCluster& replaced);

  // Of the endpoints that have the tags: one that this call has not tried, that has not just refused a
  // connection and that stands in the preferred zone. Where there is none, first the zone is waived, then
  // the refusal, then the tries. kNoEndpoint when no endpoint with the tags has a weight.
  Result<std::shared_ptr<const ClusterEndpoint>> pick(const PickRequest& request);

  // A request's key, where the balancer hashes. `client` is the client's address and port.
  std::optional<std::uint64_t> key_of(const Request& request, std::string_view client) const;

  const EndpointSet& endpoints() const noexcept { return endpoints_; }
  const std::string& name() const noexcept { return name_; }
  Loop& loop() noexcept { return loop_; }

  // How long a refused connect makes others preferred: long enough that a dead endpoint, which always looks
  // idle, does not draw every second pick, short enough that a restarted one is found soon.
  static constexpr Duration kAvoidAfterConnectFailure = std::chrono::seconds(1);

 private:
  // Each waives one condition more than the one before.
  enum class Strictness : std::uint8_t { kPreferredZone, kNotAvoided, kNotTried, kAny };
  bool eligible(const ClusterEndpoint& endpoint, const PickRequest& request, Strictness strictness,
                TimePoint now) const;
  std::optional<std::size_t> pick_among(const PickRequest& request, std::uint64_t key, Strictness strictness);

  Loop& loop_;
  std::string name_;
  ClusterPolicy policy_;
  EndpointSet endpoints_;
  std::unique_ptr<LoadBalancer> balancer_;  // over endpoints_, by index
  std::vector<Candidate> candidates_;       // scratch of pick()
};

}  // namespace sluice
