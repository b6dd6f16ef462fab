#include "gateway/llm/text/word_cache.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace sluice::text {
namespace {

TEST(WordCache, NeverHoldsMoreWordsThanItsCapacity) {
  WordCache cache(8);
  const TokenId token = 1;
  for (int i = 0; i < 100; ++i) {
    cache.insert("word" + std::to_string(i), &token, 1);
    EXPECT_LE(cache.size(), 8u);
  }
  std::vector<TokenId> found;
  EXPECT_TRUE(cache.find("word99", found));
  EXPECT_THAT(found, ::testing::ElementsAre(1));
}

TEST(WordCache, DoesNotKeepLongWords) {
  WordCache cache(8);
  const TokenId token = 1;
  cache.insert(std::string(WordCache::kLongestWord + 1, 'x'), &token, 1);
  EXPECT_EQ(cache.size(), 0u);
}

TEST(WordCache, WithoutCapacityHoldsNothing) {
  WordCache cache(0);
  const TokenId token = 1;
  cache.insert("word", &token, 1);
  EXPECT_EQ(cache.size(), 0u);
}

}  // namespace
}  // namespace sluice::text
