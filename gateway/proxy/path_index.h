#pragma once

#include <cstddef>
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

  // The list of a path's candidates, below size().
  std::size_t find(std::string_view path) const noexcept;
  // Indices of routes, ascending. Valid while the index lives.
  std::span<const std::uint32_t> operator[](std::size_t list) const noexcept { return lists_[list]; }
  std::size_t size() const noexcept { return lists_.size(); }

 private:
  struct TextHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const noexcept;
  };
  using List = std::vector<std::uint32_t>;
  struct Prefix {
    std::string text;
    std::size_t list;
    std::int32_t parent = -1;  // the longest other prefix that this one begins with; -1: none
  };
  static constexpr std::size_t kAnywhere = 0;  // the list of kRegex alone

  std::size_t by_prefix(std::string_view path) const noexcept;

  std::vector<List> lists_;
  std::vector<Prefix> prefixes_;  // sorted by text
  std::unordered_map<std::string, std::size_t, TextHash, std::equal_to<>> exact_;
};

}  // namespace sluice
