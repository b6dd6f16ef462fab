#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "backends/cluster/endpoint_state.h"
#include "backends/cluster/load_balancer.h"
#include "backends/cluster/upstream_pool.h"
#include "gateway/runtime/loop.h"

namespace sluice {

// One shard's view of a cluster: its endpoints with their pools, and the load balancer. What the process
// shares about an endpoint is its EndpointState. Threads: its loop's.
class UpstreamCluster {
 public:
  struct Endpoint {
    std::shared_ptr<EndpointState> state;  // shared with the other shards and the registry
    std::uint32_t weight = 1;
    std::unique_ptr<UpstreamPool> pool;
  };

  UpstreamCluster(Loop& loop, std::string name, std::vector<Endpoint> endpoints,
                  std::unique_ptr<LoadBalancer> balancer);

  // An endpoint that is not among `tried` and has not just refused a connection; if there is none, one that
  // has; if all were tried, any. kNoEndpoint when every weight is zero.
  Result<std::size_t> pick(std::span<const std::uint32_t> tried);

  Endpoint& operator[](std::size_t index) noexcept { return endpoints_[index]; }
  std::size_t size() const noexcept { return endpoints_.size(); }
  const std::string& name() const noexcept { return name_; }
  Loop& loop() noexcept { return loop_; }

  // How long a refused connect makes others preferred: long enough that a dead endpoint, which always looks
  // idle, does not draw every second pick, short enough that a restarted one is found soon.
  static constexpr Duration kAvoidAfterConnectFailure = std::chrono::seconds(1);

 private:
  enum class Strictness { kPreferred, kNotTried, kAny };
  std::optional<std::size_t> pick_among(std::span<const std::uint32_t> tried, Strictness strictness);

  Loop& loop_;
  std::string name_;
  std::vector<Endpoint> endpoints_;
  std::unique_ptr<LoadBalancer> balancer_;
  std::vector<Candidate> candidates_;  // scratch of pick()
};

}  // namespace sluice
