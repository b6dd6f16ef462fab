#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "gateway/base/result.h"

namespace sluice::text {

using TokenId = std::int32_t;

// Lets a map of strings be asked with a string_view.
struct StringHash {
  using is_transparent = void;
  std::size_t operator()(std::string_view text) const noexcept { return std::hash<std::string_view>{}(text); }
};
using VocabularyMap = std::unordered_map<std::string, TokenId, StringHash, std::equal_to<>>;

// Byte-pair merging: a word begins as single bytes, and of all neighbouring pairs that the merge list knows
// the one that stands earliest in the list is joined (the leftmost of equals), until none is left.
//
// A heap of candidates makes a word of n bytes cost O(n log n), so that a long run of one letter from a
// client costs no more than ordinary text of its length. Immutable once built; safe from several threads.
class Bpe {
 public:
  struct Merge {
    std::string left;  // as bytes
    std::string right;
  };

  // `whole_words` (ignore_merges of the format): a word that is itself in the vocabulary is taken as it is.
  // Fails (kConfig) if a byte that can occur in UTF-8 has no token, or a merge names a token that is not
  // there.
  static Result<Bpe> build(VocabularyMap vocabulary, const std::vector<Merge>& merges, bool whole_words);

  // Appends the tokens of one word.
  void encode(std::string_view word, std::vector<TokenId>& tokens) const;

 private:
  struct Joined {
    std::uint32_t rank;
    TokenId token;
  };

  Bpe() = default;
  const Joined* find_merge(TokenId left, TokenId right) const;

  VocabularyMap vocabulary_;
  std::array<TokenId, 256> byte_tokens_{};
  std::unordered_map<std::uint64_t, Joined> merges_;
  bool whole_words_ = false;
};

}  // namespace sluice::text
