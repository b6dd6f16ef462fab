#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "config/config.h"
#include "gateway/app/discovered_endpoints.h"
#include "gateway/app/discovery_watcher.h"
#include "gateway/base/log.h"
#include "gateway/base/metrics.h"
#include "gateway/net/ares_dns_client.h"
#include "gateway/net/dns_client.h"
#include "gateway/runtime/loop.h"

namespace sluice {

// The kind of a discovery's source (`dns`, `srv` or `file`), and what it asks for.
std::string_view source_kind(const config::Discovery& settings) noexcept;
std::string source_subject(const config::Discovery& settings);

// The endpoints that come and go, of every cluster that asks for it. Threads: its loop's, the control loop.
class Discovery {
 public:
  using MakeDnsClient = std::function<std::unique_ptr<DnsClient>(DnsClientOptions options)>;
  using Publish = std::function<void(const std::string& cluster, const std::vector<config::Endpoint>&)>;

  // `publish` is told of every change but those during update(). What is referred to outlives the object.
  Discovery(Loop& loop, Metrics& metrics, Log& log, MakeDnsClient make_dns_client, Publish publish);

  // Called with every configuration; returns what is known now. Where a cluster's discovery did not change it
  // goes on with its endpoints and timers, whatever else of the cluster changed. Where it did, a new watcher
  // begins, and the endpoints known so far stand until its first good answer: a reload takes no cluster's
  // endpoints away. A cluster's that is gone, or has no discovery any more, end. Files are read at once.
  DiscoveredEndpoints update(const std::vector<config::Cluster>& clusters);

  // Every cluster's first look has ended, well or not.
  bool has_looked() const noexcept;

  // Null if the cluster has no discovery.
  const DiscoveryWatcher* find(std::string_view cluster) const;

 private:
  std::unique_ptr<DiscoveryWatcher> watch(const config::Cluster& cluster, DiscoveryState known);
  std::unique_ptr<EndpointSource> make_source(const config::Discovery& settings,
                                              std::function<void()> on_change) const;

  Loop& loop_;
  Metrics& metrics_;
  Log& log_;
  const MakeDnsClient make_dns_client_;
  const Publish publish_;
  bool updating_ = false;
  std::map<std::string, std::unique_ptr<DiscoveryWatcher>, std::less<>> watchers_;
};

}  // namespace sluice
