#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "gateway/base/address.h"
#include "gateway/runtime/time_source.h"

namespace sluice {

// What the whole process knows of one endpoint of one cluster. Shards read and write it without a lock; it is
// the one place where they share a cache line on the request path, one line per endpoint (docs/threading.md).
struct alignas(64) EndpointState {
  EndpointState(std::string cluster_name, Address where)
      : cluster(std::move(cluster_name)), address(std::move(where)), name(address.to_string()) {}

  const std::string cluster;
  const Address address;
  const std::string name;

  // Attempts under way, from the pick to the answer's last byte.
  alignas(64) std::atomic<std::int64_t> in_flight{0};
  // Monotonic nanoseconds until which a failed connect makes the pick prefer others; 0: none.
  std::atomic<std::int64_t> avoid_until{0};
  std::atomic<std::uint64_t> attempts{0};
  std::atomic<std::uint64_t> failures{0};

  void avoid(TimePoint until) noexcept {
    avoid_until.store(until.time_since_epoch().count(), std::memory_order_relaxed);
  }
  bool avoided(TimePoint now) const noexcept {
    return avoid_until.load(std::memory_order_relaxed) > now.time_since_epoch().count();
  }
};

// Counts one attempt as work in flight for as long as it lives.
class PickTicket {
 public:
  explicit PickTicket(EndpointState& endpoint) noexcept : endpoint_(endpoint) {
    endpoint_.in_flight.fetch_add(1, std::memory_order_relaxed);
    endpoint_.attempts.fetch_add(1, std::memory_order_relaxed);
  }
  PickTicket(const PickTicket&) = delete;
  PickTicket& operator=(const PickTicket&) = delete;
  ~PickTicket() { endpoint_.in_flight.fetch_sub(1, std::memory_order_relaxed); }

 private:
  EndpointState& endpoint_;
};

// Hands out the state of an endpoint by its identity, the same to every shard and across reloads.
// Threads: any; used when a cluster's endpoints change and by operators' pages, not by requests.
class EndpointRegistry {
 public:
  std::shared_ptr<EndpointState> get(const std::string& cluster, const Address& address);
  // Those that somebody holds, in order of cluster and address.
  std::vector<std::shared_ptr<EndpointState>> live();
  // Also endpoints gone lately: at most twice those alive, and a few.
  std::size_t size() const;

 private:
  void forget_dead();

  mutable std::mutex mutex_;
  std::map<std::pair<std::string, std::string>, std::weak_ptr<EndpointState>> states_;
  std::size_t forget_at_ = 64;
};

}  // namespace sluice
