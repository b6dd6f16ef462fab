#pragma once

#include <array>
#include <string>
#include <vector>

#include "gateway/app/endpoint_source.h"
#include "gateway/net/dns_client.h"
#include "gateway/runtime/loop.h"

namespace sluice {

// What a name server's answer means for discovery.
DiscoveryOutcome to_discovery_outcome(DnsOutcome outcome) noexcept;

// The addresses of one name, IPv4 and IPv6 asked for together, with a memory of the last good answer of each
// family:
//   both answer                  the addresses of both
//   one has no records           those of the other: such a name has one family only
//   one fails, the other answers the other's, and the last good ones of the family that failed (kPartial)
//   neither has addresses        a failure; the memory stays as it is
// Some name servers deny the whole name (NXDOMAIN) where only one family has records: beside an answer of the
// other family that means no records.
//
// Threads: its loop's.
class NameLookup {
 public:
  struct Addresses {
    DiscoveryOutcome outcome = DiscoveryOutcome::kOk;
    std::string problem = {};
    std::vector<std::string> hosts = {};  // IP addresses, those of IPv4 first
    Duration time_to_live = Duration::max();
  };

  NameLookup(Loop& loop, DnsClient& client, std::string name);

  Task<Addresses> look_up();
  // Takes addresses that came by another way for the last good ones.
  void remember(const std::vector<std::string>& hosts);
  // The last good ones of both families.
  std::vector<std::string> remembered() const;

 private:
  Loop& loop_;
  DnsClient& client_;
  const std::string name_;
  std::array<std::vector<std::string>, 2> families_;  // the last good of IPv4, of IPv6
};

}  // namespace sluice
