#include "gateway/app/name_lookup.h"

#include <algorithm>
#include <utility>

#include "gateway/runtime/child.h"

namespace sluice {
namespace {

bool denies(const DnsAnswer& answer) noexcept {
  return answer.outcome == DnsOutcome::kNoName || answer.outcome == DnsOutcome::kNoRecords;
}

// Of two answers without addresses the one that says more: a failure, or else that the name is there.
const DnsAnswer& the_more_telling(const DnsAnswer& a, const DnsAnswer& b) noexcept {
  if (denies(a) != denies(b)) return denies(a) ? b : a;
  return a.outcome == DnsOutcome::kNoName ? b : a;
}

}  // namespace

DiscoveryOutcome to_discovery_outcome(DnsOutcome outcome) noexcept {
  switch (outcome) {
    case DnsOutcome::kOk:
      return DiscoveryOutcome::kOk;
    case DnsOutcome::kNoName:
      return DiscoveryOutcome::kNoName;
    case DnsOutcome::kNoRecords:
      return DiscoveryOutcome::kEmpty;
    case DnsOutcome::kServerFailure:
      return DiscoveryOutcome::kServerFailure;
    case DnsOutcome::kMalformed:
      return DiscoveryOutcome::kMalformed;
    case DnsOutcome::kTimeout:
      return DiscoveryOutcome::kTimeout;
    case DnsOutcome::kUnreachable:
      break;
  }
  return DiscoveryOutcome::kUnreachable;
}

NameLookup::NameLookup(Loop& loop, DnsClient& client, std::string name)
    : loop_(loop), client_(client), name_(std::move(name)) {}

Task<NameLookup::Addresses> NameLookup::look_up() {
  Child<DnsAnswer> asking4(loop_, client_.ask(name_, DnsType::kA));
  Child<DnsAnswer> asking6(loop_, client_.ask(name_, DnsType::kAaaa));
  std::array<DnsAnswer, 2> answers;
  // Neither child is cancelled but with this task.
  answers[0] = (co_await asking4.join()).value();
  answers[1] = (co_await asking6.join()).value();

  Addresses found;
  const bool any =
      std::ranges::any_of(answers, [](const DnsAnswer& a) { return a.outcome == DnsOutcome::kOk; });
  if (!any) {
    const DnsAnswer& told = the_more_telling(answers[0], answers[1]);
    found.outcome = to_discovery_outcome(told.outcome);
    found.problem = name_ + ": " + told.problem;
    co_return found;
  }
  for (std::size_t i = 0; i < answers.size(); ++i) {
    DnsAnswer& answer = answers[i];
    if (answer.outcome == DnsOutcome::kOk || denies(answer)) {
      if (answer.outcome == DnsOutcome::kOk) found.time_to_live = std::min(found.time_to_live, answer.ttl);
      families_[i] = std::move(answer.addresses);
    } else {
      found.outcome = DiscoveryOutcome::kPartial;
      found.problem = name_ + (i == 0 ? ": IPv4: " : ": IPv6: ") + answer.problem;
    }
  }
  found.hosts = remembered();
  co_return found;
}

void NameLookup::remember(const std::vector<std::string>& hosts) {
  for (auto& family : families_)
    family.clear();
  for (const std::string& host : hosts)
    families_[host.contains(':') ? 1 : 0].push_back(host);
}

std::vector<std::string> NameLookup::remembered() const {
  std::vector<std::string> hosts = families_[0];
  hosts.insert(hosts.end(), families_[1].begin(), families_[1].end());
  return hosts;
}

}  // namespace sluice
