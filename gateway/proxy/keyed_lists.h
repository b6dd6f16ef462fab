#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

namespace sluice {

// A list of routes, divided in advance by what most of them ask for, such as a host: for each key that a
// route asks for, the routes that take it, among them those that take any; and one list of these alone for
// every other key. A list with few keys stays whole, since dividing it would cost more than trying them. Keys
// are hashes: a route in a list is a candidate, not a match. Memory: 4 bytes for each route of each list, so
// at most the square of the routes. Immutable: shared by all threads.
class KeyedLists {
 public:
  // nullopt: the route takes any key, or more than one.
  using KeyOf = std::function<std::optional<std::uint64_t>(std::uint32_t route)>;
  KeyedLists(std::span<const std::uint32_t> routes, const KeyOf& key_of);

  // The list of a key, below size().
  std::size_t find(std::uint64_t key) const noexcept {
    if (is_whole()) return kOthers;
    const auto found = by_key_.find(key);
    return found != by_key_.end() ? found->second : kOthers;
  }
  // Not divided: every key's list is the first.
  bool is_whole() const noexcept { return by_key_.empty(); }
  // Indices of routes, in the order in which they were given. Valid while the object lives.
  std::span<const std::uint32_t> operator[](std::size_t list) const noexcept { return lists_[list]; }
  std::size_t size() const noexcept { return lists_.size(); }

  static constexpr std::size_t kMinKeyed = 4;

 private:
  static constexpr std::size_t kOthers = 0;

  std::vector<std::vector<std::uint32_t>> lists_;
  std::unordered_map<std::uint64_t, std::size_t> by_key_;
};

}  // namespace sluice
