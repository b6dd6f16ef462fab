#include "gateway/runtime/pooled_allocator.h"

#include <gtest/gtest.h>

#include <memory>
#include <utility>
#include <vector>

namespace sluice {
namespace {

TEST(PooledAllocator, TextKeepsItsBytesAsItGrowsAndMoves) {
  PooledString text;
  for (std::size_t size = 0; size < 10'000; size = 2 * size + 1) {
    text.append(size - text.size(), 'x');
    PooledString moved = std::move(text);
    ASSERT_EQ(std::string_view(moved), std::string(size, 'x'));
    text = moved;
  }
}

TEST(PooledAllocator, AContainerOfEverySizeGivesBackWhatItTook) {
  std::vector<std::vector<int, PooledAllocator<int>>> all;
  for (int round = 0; round < 2; ++round) {
    for (std::size_t size = 1; size < 2'000; size += 7)
      all.emplace_back(size, static_cast<int>(size));
    for (const auto& v : all)
      ASSERT_EQ(v.back(), static_cast<int>(v.size()));
    all.clear();
  }
}

TEST(PooledAllocator, SharedObjectsAreMadeInIt) {
  const auto shared = std::allocate_shared<int>(PooledAllocator<int>(), 7);
  EXPECT_EQ(*shared, 7);
}

}  // namespace
}  // namespace sluice
