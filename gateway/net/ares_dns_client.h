#pragma once

#include <string>
#include <vector>

#include "gateway/base/address.h"
#include "gateway/net/dns_client.h"
#include "gateway/runtime/loop.h"

namespace sluice {

struct DnsClientOptions {
  std::vector<Address> nameservers = {};  // IP addresses; empty: those of /etc/resolv.conf
  Duration timeout = std::chrono::seconds(2);
};

// Asks over UDP, and over TCP where an answer does not fit, by c-ares. The name servers are asked one after
// the other, each for a third of the timeout; those that kept silent are asked once more, for the other two
// thirds. A server's failure is passed over where another answers. /etc/resolv.conf is read for every
// question, its search list and ndots apply to names of the system's servers only, since `nameservers` are
// given for whole names.
//
// Each attempt has a c-ares channel of its own, which never waits by itself: deadlines are the loop's, and
// destroying the attempt closes its sockets. Threads: its loop's.
class AresDnsClient final : public DnsClient {
 public:
  static constexpr std::size_t kMaxNameservers = 8;

  AresDnsClient(Loop& loop, DnsClientOptions options);

  Task<DnsAnswer> ask(std::string name, DnsType type) override;

 private:
  class Attempt;

  std::vector<std::string> servers() const;
  Task<DnsAnswer> attempt(std::string server, std::string name, DnsType type, TimePoint deadline);

  Loop& loop_;
  const DnsClientOptions options_;
};

}  // namespace sluice
