#include "backends/cluster/endpoint_state.h"

#include <algorithm>

namespace sluice {

std::shared_ptr<EndpointState> EndpointRegistry::get(const std::string& cluster, const Address& address) {
  const std::lock_guard lock(mutex_);
  auto& slot = states_[{cluster, address.to_string()}];
  if (auto state = slot.lock()) return state;
  auto state = std::make_shared<EndpointState>(cluster, address);
  slot = state;
  if (states_.size() >= forget_at_) forget_dead();
  return state;
}

std::vector<std::shared_ptr<EndpointState>> EndpointRegistry::live() {
  const std::lock_guard lock(mutex_);
  std::vector<std::shared_ptr<EndpointState>> states;
  for (const auto& [key, slot] : states_) {
    if (auto state = slot.lock()) states.push_back(std::move(state));
  }
  return states;
}

std::size_t EndpointRegistry::size() const {
  const std::lock_guard lock(mutex_);
  return states_.size();
}

void EndpointRegistry::forget_dead() {
  std::erase_if(states_, [](const auto& entry) { return entry.second.expired(); });
  forget_at_ = std::max<std::size_t>(64, 2 * states_.size());
}

}  // namespace sluice
