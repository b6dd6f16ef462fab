#include "gateway/app/endpoint_source.h"

namespace sluice {

std::string_view name(DiscoveryOutcome outcome) noexcept {
  switch (outcome) {
    case DiscoveryOutcome::kOk:
      return "ok";
    case DiscoveryOutcome::kPartial:
      return "partial";
    case DiscoveryOutcome::kNoName:
      return "no_name";
    case DiscoveryOutcome::kEmpty:
      return "empty";
    case DiscoveryOutcome::kServerFailure:
      return "server_failure";
    case DiscoveryOutcome::kMalformed:
      return "malformed";
    case DiscoveryOutcome::kTimeout:
      return "timeout";
    case DiscoveryOutcome::kUnreachable:
      return "unreachable";
    case DiscoveryOutcome::kUnreadable:
      return "unreadable";
    case DiscoveryOutcome::kInvalid:
      return "invalid";
  }
  return {};
}

}  // namespace sluice
