#include "backends/cluster/endpoint_state.h"

namespace sluice {

std::shared_ptr<EndpointState> EndpointRegistry::get(const std::string& cluster, const Address& address) {
  const std::lock_guard lock(mutex_);
  auto& slot = states_[{cluster, address.to_string()}];
  if (auto state = slot.lock()) return state;
  auto state = std::make_shared<EndpointState>(cluster, address);
  slot = state;
  return state;
}

}  // namespace sluice
