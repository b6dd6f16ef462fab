#include "gateway/http/http2/session_memory.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <string_view>

namespace sluice::http2 {
namespace {

TEST(SessionMemory, PiecesOfEverySizeAreAlignedApartAndWritable) {
  const nghttp2_mem& memory = *session_memory();
  for (const std::size_t size : {0, 1, 47, 48, 49, 4'080, 4'081, 100'000}) {
    auto* first = static_cast<char*>(memory.malloc(size, memory.mem_user_data));
    auto* second = static_cast<char*>(memory.malloc(size, memory.mem_user_data));
    ASSERT_NE(first, nullptr);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(first) % alignof(std::max_align_t), 0u) << size;
    std::fill_n(first, size, 'a');
    std::fill_n(second, size, 'b');
    EXPECT_EQ(std::count(first, first + size, 'a'), static_cast<std::ptrdiff_t>(size));
    memory.free(first, memory.mem_user_data);
    memory.free(second, memory.mem_user_data);
  }
  memory.free(nullptr, memory.mem_user_data);
}

TEST(SessionMemory, ZeroedPiecesAreZeroAlsoWhenTheyAreUsedAgain) {
  const nghttp2_mem& memory = *session_memory();
  for (int round = 0; round < 2; ++round) {
    auto* piece = static_cast<char*>(memory.calloc(25, 8, memory.mem_user_data));
    EXPECT_EQ(std::count(piece, piece + 200, '\0'), 200);
    std::fill_n(piece, 200, 'x');
    memory.free(piece, memory.mem_user_data);
  }
}

TEST(SessionMemory, GrowingAndShrinkingKeepWhatFits) {
  const nghttp2_mem& memory = *session_memory();
  auto* piece = static_cast<char*>(memory.realloc(nullptr, 8, memory.mem_user_data));
  std::copy_n("12345678", 8, piece);
  piece = static_cast<char*>(memory.realloc(piece, 9'000, memory.mem_user_data));
  EXPECT_EQ(std::string_view(piece, 8), "12345678");
  piece = static_cast<char*>(memory.realloc(piece, 3, memory.mem_user_data));
  EXPECT_EQ(std::string_view(piece, 3), "123");
  memory.free(piece, memory.mem_user_data);
}

}  // namespace
}  // namespace sluice::http2
