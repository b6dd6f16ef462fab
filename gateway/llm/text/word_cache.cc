#include "gateway/llm/text/word_cache.h"

namespace sluice::text {

bool WordCache::find(std::string_view word, std::vector<TokenId>& tokens) const {
  if (word.size() > kLongestWord) return false;
  const std::lock_guard lock(mutex_);
  const auto found = words_.find(word);
  if (found == words_.end()) return false;
  tokens.insert(tokens.end(), found->second.begin(), found->second.end());
  return true;
}

void WordCache::insert(std::string_view word, const TokenId* tokens, std::size_t count) {
  if (word.size() > kLongestWord || capacity_ == 0) return;
  const std::lock_guard lock(mutex_);
  if (words_.size() >= capacity_) words_.clear();
  words_.try_emplace(std::string(word), tokens, tokens + count);
}

std::size_t WordCache::size() const {
  const std::lock_guard lock(mutex_);
  return words_.size();
}

}  // namespace sluice::text
