#include "gateway/proxy/keyed_lists.h"

#include <algorithm>

namespace sluice {

KeyedLists::KeyedLists(std::span<const std::uint32_t> routes, const KeyOf& key_of) {
  std::vector<std::optional<std::uint64_t>> keys;
  for (const std::uint32_t route : routes)
    keys.push_back(key_of(route));
  const auto keyed = std::ranges::count_if(keys, [](const auto& key) { return key.has_value(); });
  lists_.emplace_back();
  if (static_cast<std::size_t>(keyed) < kMinKeyed) {
    lists_[kOthers].assign(routes.begin(), routes.end());
    return;
  }
  for (const auto& key : keys) {
    if (key && by_key_.emplace(*key, lists_.size()).second) lists_.emplace_back();
  }
  for (std::size_t i = 0; i < routes.size(); ++i) {
    if (keys[i]) {
      lists_[by_key_.at(*keys[i])].push_back(routes[i]);
    } else {
      for (auto& list : lists_)
        list.push_back(routes[i]);
    }
  }
}

}  // namespace sluice
