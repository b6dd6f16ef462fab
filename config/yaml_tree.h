#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "config/source_text.h"

namespace sluice::config {

// One value of a YAML document with its place in the file. A map keeps every entry, duplicate keys too, in
// the order of the file: refusing them is the reader's task, which knows the path.
struct Node {
  enum class Kind : std::uint8_t { kNull, kScalar, kList, kMap };
  struct Entry;

  Kind kind = Kind::kNull;
  Position position = {};
  std::string text = {};          // kScalar
  bool quoted = false;            // kScalar
  std::string_view refusal = {};  // why this value is not taken though YAML allows it; empty for most
  std::vector<Node> items;        // kList
  std::vector<Entry> entries;     // kMap
};

struct Node::Entry {
  Node key;
  Node value;
};

inline constexpr int kMaxDepth = 32;
inline constexpr std::size_t kMaxValues = 100'000;

// Reads the one document of a text that has no `find_fault()`. An empty text is a null node. The fault is a
// syntax error, a second document, or more depth or values than the limits above.
std::expected<Node, TextFault> parse_yaml(const SourceText& source);

}  // namespace sluice::config
