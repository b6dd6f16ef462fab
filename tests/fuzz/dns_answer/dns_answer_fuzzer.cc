#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "gateway/base/ip_network.h"
#include "gateway/net/dns_answer.h"

namespace {

using namespace sluice;

void expect(bool condition) {
  if (!condition) std::abort();
}

void expect_addresses(const std::vector<std::string>& addresses, std::size_t message_bytes) {
  // Each stands in a record of its own.
  expect(addresses.size() * 15 <= message_bytes);
  for (const std::string& address : addresses)
    expect(parse_ip_address(address).has_value());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const DnsAnswer answer = read_dns_answer({data, size});
  expect((answer.outcome == DnsOutcome::kOk) == answer.problem.empty());
  if (answer.outcome != DnsOutcome::kOk) {
    expect(answer.addresses.empty() && answer.services.empty());
    return 0;
  }
  expect(answer.addresses.empty() != answer.services.empty());
  expect(answer.ttl >= Duration::zero());
  expect_addresses(answer.addresses, size);
  for (const DnsService& service : answer.services) {
    expect(service.target.size() <= 253);
    expect(service.target.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-_.") == std::string::npos);
    expect(!service.target.empty() || service.addresses.empty());
    expect_addresses(service.addresses, size);
  }
  return 0;
}
