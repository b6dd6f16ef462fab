#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "gateway/runtime/time_source.h"

namespace sluice {

// The types of records that are asked for (RFC 1035 3.2.2, RFC 3596 2.1, RFC 2782).
enum class DnsType : std::uint16_t { kA = 1, kAaaa = 28, kSrv = 33 };

std::string_view name(DnsType type) noexcept;

// How a question to name servers ended.
enum class DnsOutcome : std::uint8_t {
  kOk,
  kNoName,         // NXDOMAIN
  kNoRecords,      // the name is there and has no record of the type
  kServerFailure,  // SERVFAIL, REFUSED and whatever else is not an answer
  kMalformed,      // also an answer that is cut short even over TCP
  kTimeout,
  kUnreachable,
};

// One SRV record.
struct DnsService {
  std::uint16_t priority = 0;
  std::uint16_t weight = 0;
  std::uint16_t port = 0;
  std::string target = {};                  // in lower case, without the last dot; empty: no such service
  std::vector<std::string> addresses = {};  // of the target, where the answer brought them along
};

struct DnsAnswer {
  DnsOutcome outcome = DnsOutcome::kOk;
  std::string problem = {};                 // for operators; empty with kOk
  std::vector<std::string> addresses = {};  // kA, kAaaa: as Address spells hosts
  std::vector<DnsService> services = {};    // kSrv
  Duration ttl{};                           // the least of the records above and of the aliases to them
};

// Limits of an answer beside DNS's own of 65,535 bytes, and of 255 bytes and 63-byte labels in a name. More
// aliases are malformed; of a target's addresses those beyond are left out, since thousands of services may
// share one target with thousands of addresses.
inline constexpr std::size_t kMaxDnsAliases = 8;
inline constexpr std::size_t kMaxDnsTargetAddresses = 64;

// Reads a name server's message (RFC 1035 4): an answer to the one question that stands in it, which the
// caller has compared with its own. Aliases (CNAME) are followed from the question's name, in whatever order
// they stand; records of other names do not count. What does not follow the format to the last byte is
// kMalformed: a compression pointer must point before the name that it is in, so that none can go in circles.
// Pure. Threads: any.
DnsAnswer read_dns_answer(std::span<const std::uint8_t> message);

}  // namespace sluice
