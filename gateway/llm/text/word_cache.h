#pragma once

#include <cstddef>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "gateway/llm/text/bpe.h"

namespace sluice::text {

// Remembers the tokens of words seen before: prompts repeat a few thousand words, and a look-up is some ten
// times cheaper than merging. Bounded: words longer than kLongestWord are not kept, and a full cache is
// emptied and filled anew (an eviction order would cost more than the refill). One lock: held for a look-up
// or an insertion, never while merging.
class WordCache {
 public:
  static constexpr std::size_t kLongestWord = 64;  // bytes

  // `capacity`: words. 0 turns the cache off.
  explicit WordCache(std::size_t capacity) : capacity_(capacity) {}

  // Appends the tokens of `word` and returns true if they are known.
  bool find(std::string_view word, std::vector<TokenId>& tokens) const;

  void insert(std::string_view word, const TokenId* tokens, std::size_t count);

  std::size_t size() const;

 private:
  const std::size_t capacity_;
  mutable std::mutex mutex_;
  std::unordered_map<std::string, std::vector<TokenId>, StringHash, std::equal_to<>> words_;
};

}  // namespace sluice::text
