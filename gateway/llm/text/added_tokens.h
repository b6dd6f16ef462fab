#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "gateway/llm/text/bpe.h"

namespace sluice::text {

// Finds added tokens in a text: of those that begin furthest to the left the longest, as the tokenizers do
// that the vocabularies were made with. A trie: what it costs to look at a place in the text depends on the
// tokens' length, not on their number, of which some vocabularies have hundreds that begin alike. Immutable
// once filled.
class AddedTokens {
 public:
  struct Match {
    std::size_t begin = 0;  // bytes
    std::size_t size = 0;
    TokenId token = 0;
  };

  AddedTokens() : nodes_(1) { first_.fill(0); }

  // `content` must not be empty. The first token of a content keeps it.
  void add(std::string_view content, TokenId token);

  // The first match that begins at or behind `from`.
  std::optional<Match> find(std::string_view text, std::size_t from) const;

 private:
  struct Node {
    TokenId token = -1;
    std::vector<std::pair<char, std::uint32_t>> next;
  };

  std::uint32_t child(std::uint32_t node, char c) const;  // 0: none

  std::vector<Node> nodes_;               // the root first
  std::array<std::uint32_t, 256> first_;  // the root's children, by byte: most bytes begin no token
};

}  // namespace sluice::text
