#include "gateway/app/discovery.h"

#include <algorithm>
#include <set>
#include <utility>

#include "gateway/app/dns_sources.h"
#include "gateway/app/file_source.h"

namespace sluice {

std::string_view source_kind(const config::Discovery& settings) noexcept {
  if (settings.dns) return "dns";
  return settings.srv ? "srv" : "file";
}

std::string source_subject(const config::Discovery& settings) {
  if (settings.dns) return settings.dns->to_string();
  return settings.srv ? *settings.srv : settings.file.value_or("");
}

Discovery::Discovery(Loop& loop, Metrics& metrics, Log& log, MakeDnsClient make_dns_client, Publish publish)
    : loop_(loop),
      metrics_(metrics),
      log_(log),
      make_dns_client_(std::move(make_dns_client)),
      publish_(std::move(publish)) {}

DiscoveredEndpoints Discovery::update(const std::vector<config::Cluster>& clusters) {
  updating_ = true;
  std::set<std::string_view> wanted;
  for (const config::Cluster& c : clusters) {
    if (c.discovery) wanted.insert(c.name);
  }
  std::erase_if(watchers_, [&](const auto& watched) { return !wanted.contains(watched.first); });
  DiscoveredEndpoints known;
  for (const config::Cluster& c : clusters) {
    if (!c.discovery) continue;
    auto& watcher = watchers_[c.name];
    if (watcher == nullptr || watcher->settings() != *c.discovery) {
      DiscoveryState last = watcher == nullptr ? DiscoveryState{} : watcher->state();
      // Its series end before those of its successor begin.
      watcher.reset();
      watcher = watch(c, std::move(last));
    }
    known[c.name] = watcher->state().endpoints;
  }
  updating_ = false;
  return known;
}

bool Discovery::has_looked() const noexcept {
  return std::ranges::all_of(watchers_,
                             [](const auto& watched) { return watched.second->state().outcome.has_value(); });
}

const DiscoveryWatcher* Discovery::find(std::string_view cluster) const {
  const auto found = watchers_.find(cluster);
  return found == watchers_.end() ? nullptr : found->second.get();
}

std::unique_ptr<DiscoveryWatcher> Discovery::watch(const config::Cluster& cluster, DiscoveryState known) {
  return std::make_unique<DiscoveryWatcher>(
      loop_, metrics_, log_, cluster.name, *cluster.discovery,
      [&](std::function<void()> on_change) { return make_source(*cluster.discovery, std::move(on_change)); },
      [this, name = cluster.name](const std::vector<config::Endpoint>& endpoints) {
        if (!updating_) publish_(name, endpoints);
      },
      std::move(known));
}

std::unique_ptr<EndpointSource> Discovery::make_source(const config::Discovery& settings,
                                                       std::function<void()> on_change) const {
  if (settings.file) return std::make_unique<FileSource>(loop_, *settings.file, std::move(on_change));
  auto client = make_dns_client_({.nameservers = settings.nameservers, .timeout = settings.timeout});
  if (settings.dns) return std::make_unique<AddressSource>(loop_, std::move(client), *settings.dns);
  return std::make_unique<ServiceSource>(loop_, std::move(client), *settings.srv, settings.max_endpoints);
}

}  // namespace sluice
