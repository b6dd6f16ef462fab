#include "backends/worker/engine/block_pool.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

namespace sluice::worker {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

using Blocks = std::vector<std::int32_t>;

BlockHash hash_of(std::uint8_t number) {
  BlockHash hash{};
  hash[0] = number;
  return hash;
}

Blocks take(BlockPool& pool, std::int32_t count) {
  Blocks blocks;
  pool.take(count, blocks);
  return blocks;
}

// Takes a block for each number and names it.
Blocks take_named(BlockPool& pool, std::initializer_list<std::uint8_t> numbers) {
  Blocks blocks;
  for (const std::uint8_t number : numbers) {
    pool.take(1, blocks);
    pool.name(blocks.back(), hash_of(number));
  }
  return blocks;
}

Blocks find(const BlockPool& pool, std::initializer_list<std::uint8_t> numbers) {
  std::vector<BlockHash> hashes;
  for (const std::uint8_t number : numbers)
    hashes.push_back(hash_of(number));
  return pool.find(hashes);
}

TEST(BlockPool, LendsTheLowestFreeBlocksAndTakesThemBack) {
  BlockPool pool(5);
  Blocks first = take(pool, 2);
  EXPECT_THAT(first, ElementsAre(0, 1));
  EXPECT_THAT(take(pool, 3), ElementsAre(2, 3, 4));
  EXPECT_EQ(pool.free(), 0);
  pool.give_back(first);
  EXPECT_THAT(first, IsEmpty());
  EXPECT_EQ(pool.free(), 2);
  EXPECT_THAT(take(pool, 1), ElementsAre(0));
}

TEST(BlockPool, FindsTheLongestPrefixThatItHas) {
  BlockPool pool(8);
  const Blocks blocks = take_named(pool, {1, 2, 3});
  EXPECT_EQ(find(pool, {1, 2, 3, 4}), blocks);
  EXPECT_THAT(find(pool, {1, 9, 3}), ElementsAre(blocks[0]));
  EXPECT_THAT(find(pool, {9, 1}), IsEmpty());
}

TEST(BlockPool, AFreeBlockIsFoundUntilItIsTakenForSomethingElse) {
  BlockPool pool(3);
  Blocks blocks = take_named(pool, {1, 2});
  pool.give_back(blocks);
  EXPECT_EQ(pool.free(), 3);
  EXPECT_THAT(find(pool, {1, 2}), ElementsAre(0, 1));
  EXPECT_THAT(take(pool, 1), ElementsAre(2));  // the one without a name
  EXPECT_THAT(find(pool, {1, 2}), ElementsAre(0, 1));
  EXPECT_THAT(take(pool, 1), ElementsAre(1));  // the end of the sequence first
  EXPECT_THAT(find(pool, {1, 2}), ElementsAre(0));
  EXPECT_THAT(take(pool, 1), ElementsAre(0));
  EXPECT_THAT(find(pool, {1, 2}), IsEmpty());
  EXPECT_EQ(pool.free(), 0);
}

TEST(BlockPool, WhatWasLetGoLongestAgoIsLostFirst) {
  BlockPool pool(3);
  Blocks first = take_named(pool, {1});
  Blocks second = take_named(pool, {2});
  Blocks third = take_named(pool, {3});
  pool.give_back(second);
  pool.give_back(first);
  pool.give_back(third);
  Blocks again = find(pool, {2});
  pool.hold(again);
  pool.give_back(again);  // now the youngest
  take(pool, 2);
  EXPECT_THAT(find(pool, {1}), IsEmpty());
  EXPECT_THAT(find(pool, {3}), IsEmpty());
  EXPECT_THAT(find(pool, {2}), ElementsAre(1));
}

TEST(BlockPool, ASharedBlockIsFreeOnceNobodyHoldsIt) {
  BlockPool pool(2);
  Blocks first = take_named(pool, {1});
  Blocks second = find(pool, {1});
  EXPECT_EQ(pool.count_free(second), 0);
  pool.hold(second);
  pool.give_back(first);
  EXPECT_EQ(pool.free(), 1);
  pool.give_back(second);
  EXPECT_EQ(pool.free(), 2);
  EXPECT_EQ(pool.count_free(find(pool, {1})), 1);
}

TEST(BlockPool, OfTwoBlocksWithOneNameTheFirstIsFound) {
  BlockPool pool(2);
  Blocks first = take_named(pool, {1});
  Blocks second = take_named(pool, {1});
  EXPECT_EQ(find(pool, {1}), first);
  pool.give_back(second);  // without a name: taken before the other
  EXPECT_THAT(take(pool, 1), ElementsAre(1));
  EXPECT_EQ(find(pool, {1}), first);
}

}  // namespace
}  // namespace sluice::worker
