#include "backends/worker/engine/block_pool.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sluice::worker {
namespace {

TEST(BlockPool, LendsTheLowestFreeBlocksAndTakesThemBack) {
  BlockPool pool(5);
  auto first = pool.take(2);
  auto second = pool.take(3);
  EXPECT_THAT(first, ::testing::ElementsAre(0, 1));
  EXPECT_THAT(second, ::testing::ElementsAre(2, 3, 4));
  EXPECT_EQ(pool.free(), 0);
  pool.give_back(first);
  EXPECT_TRUE(first.empty());
  EXPECT_EQ(pool.free(), 2);
  EXPECT_THAT(pool.take(1), ::testing::ElementsAre(0));
}

TEST(BlockPool, LendsNothingRatherThanTooLittle) {
  BlockPool pool(3);
  EXPECT_TRUE(pool.take(4).empty());
  EXPECT_EQ(pool.free(), 3);
}

}  // namespace
}  // namespace sluice::worker
