#include "gateway/app/dns_sources.h"

#include <algorithm>
#include <ranges>
#include <set>
#include <utility>

#include "gateway/runtime/child.h"

namespace sluice {

AddressSource::AddressSource(Loop& loop, std::unique_ptr<DnsClient> client, const Address& name)
    : client_(std::move(client)), lookup_(loop, *client_, name.host), port_(name.port) {}

Task<Finding> AddressSource::find() {
  NameLookup::Addresses found = co_await lookup_.look_up();
  Finding finding{
      .outcome = found.outcome, .problem = std::move(found.problem), .time_to_live = found.time_to_live};
  for (std::string& host : found.hosts)
    finding.endpoints.push_back({.address = Address::tcp(std::move(host), port_)});
  co_return finding;
}

// A host and port that a service is found at, with what the records of equal ones say together.
struct ServiceSource::Target {
  std::string host;
  std::uint16_t port = 0;
  std::uint32_t weight = 0;
  std::vector<std::string> addresses;
};

ServiceSource::ServiceSource(Loop& loop, std::unique_ptr<DnsClient> client, std::string name,
                             std::size_t max_targets)
    : loop_(loop), client_(std::move(client)), name_(std::move(name)), max_targets_(max_targets) {}

std::vector<ServiceSource::Target> ServiceSource::targets_of(std::vector<DnsService> services) const {
  // "A Target of "." means that the service is decidedly not available at this domain."
  std::erase_if(services, [](const DnsService& s) { return s.target.empty() || s.port == 0; });
  if (services.empty()) return {};
  const std::uint16_t lowest = std::ranges::min(services, {}, &DnsService::priority).priority;
  std::map<std::pair<std::string, std::uint16_t>, Target> merged;
  for (DnsService& s : services) {
    if (s.priority != lowest) continue;
    Target& target = merged[{s.target, s.port}];
    target.host = s.target;
    target.port = s.port;
    target.weight = std::min<std::uint32_t>(target.weight + s.weight, 0xFFFF);
    target.addresses = std::move(s.addresses);
  }
  std::vector<Target> targets;
  for (Target& target : merged | std::views::values | std::views::take(max_targets_))
    targets.push_back(std::move(target));
  return targets;
}

namespace {

// The weight of each of `addresses` addresses of a target.
std::uint32_t share(std::uint32_t weight, std::size_t addresses, bool all_zero, bool scaled) {
  if (all_zero) weight = 1;
  if (!scaled) return weight;
  const std::uint64_t whole = std::uint64_t{weight} * ServiceSource::kWeightScale;
  return static_cast<std::uint32_t>(std::max<std::uint64_t>(1, whole / addresses));
}

}  // namespace

Task<Finding> ServiceSource::find() {
  DnsAnswer answer = co_await client_->ask(name_, DnsType::kSrv);
  Finding finding{.outcome = to_discovery_outcome(answer.outcome), .time_to_live = answer.ttl};
  if (answer.outcome != DnsOutcome::kOk) {
    finding.problem = name_ + ": " + answer.problem;
    co_return finding;
  }
  std::vector<Target> targets = targets_of(std::move(answer.services));
  if (targets.empty()) {
    finding.outcome = DiscoveryOutcome::kEmpty;
    finding.problem = name_ + ": the service is not available";
    co_return finding;
  }
  co_await resolve(targets, finding);

  const bool all_zero = std::ranges::all_of(targets, [](const Target& t) { return t.weight == 0; });
  const bool scaled = std::ranges::any_of(
      targets, [&](const Target& t) { return t.addresses.size() > 1 || (t.weight == 0 && !all_zero); });
  for (const Target& target : targets) {
    for (const std::string& host : target.addresses) {
      finding.endpoints.push_back(
          {.address = Address::tcp(host, target.port),
           .weight = share(target.weight, target.addresses.size(), all_zero, scaled)});
    }
  }
  if (!finding.endpoints.empty() && finding.outcome != DiscoveryOutcome::kOk)
    finding.outcome = DiscoveryOutcome::kPartial;
  co_return finding;
}

// The outcome of a target that fails becomes the finding's.
Task<void> ServiceSource::resolve(std::vector<Target>& targets, Finding& finding) {
  std::set<std::string_view> names;
  for (Target& target : targets) {
    names.insert(target.host);
    if (!target.addresses.empty()) lookup_of(target.host).remember(target.addresses);
  }
  std::erase_if(lookups_, [&](const auto& known) { return !names.contains(known.first); });
  const auto unknown = std::ranges::partition(targets, [](const Target& t) { return !t.addresses.empty(); });
  for (auto rest = std::span<Target>(unknown.begin(), unknown.end()); !rest.empty();) {
    const auto some = rest.first(std::min(rest.size(), kLookupsAtOnce));
    co_await resolve_some(some, finding);
    rest = rest.subspan(some.size());
  }
}

Task<void> ServiceSource::resolve_some(std::span<Target> targets, Finding& finding) {
  std::vector<std::unique_ptr<Child<NameLookup::Addresses>>> lookups;
  for (const Target& target : targets)
    lookups.push_back(
        std::make_unique<Child<NameLookup::Addresses>>(loop_, lookup_of(target.host).look_up()));
  for (std::size_t i = 0; i < targets.size(); ++i) {
    NameLookup::Addresses found = (co_await lookups[i]->join()).value();
    if (found.outcome != DiscoveryOutcome::kOk) {
      finding.outcome = found.outcome;
      finding.problem = std::move(found.problem);
    }
    finding.time_to_live = std::min(finding.time_to_live, found.time_to_live);
    const bool gone = found.outcome == DiscoveryOutcome::kNoName || found.outcome == DiscoveryOutcome::kEmpty;
    if (!gone && !brought_endpoints(found.outcome)) found.hosts = lookup_of(targets[i].host).remembered();
    targets[i].addresses = std::move(found.hosts);
  }
}

NameLookup& ServiceSource::lookup_of(const std::string& name) {
  auto& lookup = lookups_[name];
  if (lookup == nullptr) lookup = std::make_unique<NameLookup>(loop_, *client_, name);
  return *lookup;
}

}  // namespace sluice
