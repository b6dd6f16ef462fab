#include "gateway/runtime/buffer_pool.h"

#include <gtest/gtest.h>

#include <utility>
#include <vector>

namespace sluice {
namespace {

TEST(BufferPoolTest, ABlockThatComesBackIsTheNextOne) {
  BufferPool pool;
  BufferPool::Block block = pool.acquire(BlockSize::kLarge);
  EXPECT_EQ(block.size(), BufferPool::kDefaultLargeBytes);
  EXPECT_EQ(pool.blocks_in_use(), 1u);
  const char* memory = block.data();
  block.release();
  EXPECT_EQ(pool.blocks_in_use(), 0u);
  EXPECT_EQ(pool.acquire(BlockSize::kLarge).data(), memory);
}

TEST(BufferPoolTest, ABlockIsNoLargerThanWhatMayBeRead) {
  const BufferPool pool;
  EXPECT_EQ(pool.for_reading(1), BlockSize::kTiny);
  for (const BlockSize size : {BlockSize::kTiny, BlockSize::kPage, BlockSize::kSmall}) {
    EXPECT_EQ(pool.for_reading(pool.bytes_of(size)), size);
    EXPECT_GT(pool.for_reading(pool.bytes_of(size) + 1), size);
  }
}

// A thousand clients that do not read must not hold a thousand large blocks.
TEST(BufferPoolTest, WhereManyLargeBlocksWaitTheNextReadGetsASmallOne) {
  BufferPool pool;
  std::vector<BufferPool::Block> waiting;
  std::size_t held = 0;
  for (int i = 0; i < 1000; ++i) {
    waiting.push_back(pool.acquire(pool.for_reading(SIZE_MAX)));
    held += waiting.back().size();
  }
  EXPECT_EQ(waiting.front().kind(), BlockSize::kLarge);
  EXPECT_EQ(waiting.back().kind(), BlockSize::kSmall);
  EXPECT_LE(held, 1024 * 1024 + BufferPool::kDefaultLargeBytes + 1000 * BufferPool::kSmallBytes);
  waiting.clear();
  EXPECT_EQ(pool.for_reading(SIZE_MAX), BlockSize::kLarge) << "when they have gone";
}

TEST(BufferPoolTest, OneLargeBlockIsAlwaysThereHoweverLargeItIs) {
  BufferPool pool(64 * 1024 * 1024);
  EXPECT_EQ(pool.for_reading(SIZE_MAX), BlockSize::kLarge);
  const BufferPool::Block block = pool.acquire(BlockSize::kLarge);
  EXPECT_EQ(pool.for_reading(SIZE_MAX), BlockSize::kSmall);
}

}  // namespace
}  // namespace sluice
