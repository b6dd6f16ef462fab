#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "gateway/app/endpoint_source.h"
#include "gateway/app/name_lookup.h"
#include "gateway/base/address.h"
#include "gateway/net/dns_client.h"
#include "gateway/runtime/loop.h"

namespace sluice {

// An endpoint for every address of a name.
class AddressSource final : public EndpointSource {
 public:
  AddressSource(Loop& loop, std::unique_ptr<DnsClient> client, const Address& name);

  Task<Finding> find() override;

 private:
  std::unique_ptr<DnsClient> client_;
  NameLookup lookup_;
  std::uint16_t port_;
};

// An endpoint for every address of the targets of a name's SRV records (RFC 2782): of those with the lowest
// priority alone, by their weights. A target's addresses are those that came along with the records; where
// none did they are asked for, kLookupsAtOnce at a time, with the last good ones kept for a target that
// cannot be looked up.
//
// Weights are multiplied by kWeightScale where a whole number would not say what is meant: where a target has
// several addresses, which share its weight, and where a record has weight 0 beside others, which asks for "a
// very small chance of being selected" (1 after the scaling). Where all weights are 0 all are equal.
//
// Threads: its loop's.
class ServiceSource final : public EndpointSource {
 public:
  static constexpr std::size_t kLookupsAtOnce = 16;
  static constexpr std::uint32_t kWeightScale = 100;

  // `max_targets`: how many targets are looked up at most; those beyond, by order of name, are left out.
  ServiceSource(Loop& loop, std::unique_ptr<DnsClient> client, std::string name, std::size_t max_targets);

  Task<Finding> find() override;

 private:
  struct Target;

  std::vector<Target> targets_of(std::vector<DnsService> services) const;
  Task<void> resolve(std::vector<Target>& targets, Finding& finding);
  Task<void> resolve_some(std::span<Target> targets, Finding& finding);
  NameLookup& lookup_of(const std::string& name);

  Loop& loop_;
  std::unique_ptr<DnsClient> client_;
  const std::string name_;
  const std::size_t max_targets_;
  std::map<std::string, std::unique_ptr<NameLookup>> lookups_;  // of the last answer's targets
};

}  // namespace sluice
