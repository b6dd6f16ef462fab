#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace sluice {

// How a route's rule says which paths it takes.
enum class PathKind : std::uint8_t { kExact, kPrefix, kRegex };

// Finds, for a path, the routes that may take it: one look-up by its whole text, one by the longest prefix
// that some route has. For each text that routes name, the list of candidates is made in advance, in the
// routes' order, so that a search allocates nothing and costs the same however many routes there are. Routes
// with an expression are in every list: the expression itself is the caller's to try. Memory: 4 bytes for
// each route of each list, so at most the square of the routes. Immutable: shared by all threads.
class PathIndex {
 public:
  struct Entry {
    PathKind kind;
    std::string_view text;  // of kExact and kPrefix
  };
  explicit PathIndex(const std::vector<Entry>& routes);

  // Indices of routes, ascending. Valid while the index lives.
  std::span<const std::uint32_t> candidates(std::string_view path) const noexcept;

 private:
  struct TextHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const noexcept {
      return std::hash<std::string_view>()(text);
    }
  };
  using List = std::vector<std::uint32_t>;
  struct Prefix {
    std::string text;
    List routes;
    std::int32_t parent = -1;  // the longest other prefix that this one begins with; -1: none
  };

  const List& by_prefix(std::string_view path) const noexcept;

  std::vector<Prefix> prefixes_;  // sorted by text
  std::unordered_map<std::string, List, TextHash, std::equal_to<>> exact_;
  List anywhere_;  // kRegex
};

}  // namespace sluice
