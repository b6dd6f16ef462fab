#include "gateway/http/http2/piece_buffer.h"

#include <gtest/gtest.h>

#include <string>

namespace sluice::http2 {
namespace {

constexpr std::size_t kWindow = 64 * 1024;
// Of a string that holds a few bytes in itself.
constexpr std::size_t kSmall = 64;

TEST(PieceBufferTest, LendsWhatArrivedInItsOrderAndKeepsThePieceWhileMoreArrives) {
  PieceBuffer buffer(kWindow);
  EXPECT_TRUE(buffer.empty());
  buffer.append("one ");
  buffer.append("two");
  EXPECT_EQ(buffer.take(), "one two");
  EXPECT_TRUE(buffer.empty());
  buffer.append(std::string(10'000, 'x'));
  EXPECT_EQ(buffer.lent(), "one two");
  EXPECT_EQ(buffer.held(), 10'007u);
  EXPECT_EQ(buffer.give_back(), 7u);
  EXPECT_EQ(buffer.take(), std::string(10'000, 'x'));
  EXPECT_EQ(buffer.give_back(), 10'000u);
  EXPECT_EQ(buffer.give_back(), 0u);
}

// Both buffers have held a window's bytes; then the body drips, and each byte is held for long.
TEST(PieceBufferTest, AByteDoesNotKeepTheMemoryOfAWindow) {
  PieceBuffer buffer(kWindow);
  for (int i = 0; i < 2; ++i) {
    buffer.append(std::string(kWindow, 'x'));
    (void)buffer.take();
    (void)buffer.give_back();
  }
  buffer.append("y");
  EXPECT_EQ(buffer.take(), "y");
  buffer.append("z");
  EXPECT_LE(buffer.memory(), 2 * PieceBuffer::kKeptBytes + 2 * kSmall);
}

TEST(PieceBufferTest, MemoryFollowsWhatIsHeld) {
  for (const std::size_t piece : {1, 100, 1'000, 5'000, 16'384, 40'000, 65'536}) {
    SCOPED_TRACE(piece);
    PieceBuffer buffer(kWindow);
    buffer.append(std::string(kWindow, 'x'));
    (void)buffer.take();
    (void)buffer.give_back();
    buffer.append(std::string(piece, 'y'));
    (void)buffer.take();
    EXPECT_LE(buffer.memory(), 4 * piece + PieceBuffer::kKeptBytes + 2 * kSmall);
  }
}

TEST(PieceBufferTest, MemoryIsAtMostTwiceTheWindowHoweverTheBytesAreCut) {
  for (const std::size_t cut : {1, 7, 999, 16'384, 40'000}) {
    SCOPED_TRACE(cut);
    PieceBuffer buffer(kWindow);
    std::size_t lent = 0;
    for (int round = 0; round < 20; ++round) {
      while (lent + buffer.waiting() + cut <= kWindow)
        buffer.append(std::string(cut, 'x'));
      EXPECT_LE(buffer.memory(), 2 * kWindow + 2 * kSmall);
      (void)buffer.give_back();
      lent = buffer.take().size();
      EXPECT_LE(buffer.memory(), 2 * kWindow + 2 * kSmall);
    }
  }
}

TEST(PieceBufferTest, NothingIsKeptForALongWaitOrWhenItIsCleared) {
  PieceBuffer buffer(kWindow);
  buffer.append(std::string(kWindow, 'x'));
  (void)buffer.take();
  buffer.append(std::string(kWindow, 'x'));
  (void)buffer.give_back();
  (void)buffer.take();
  (void)buffer.give_back();
  buffer.trim();
  EXPECT_LE(buffer.memory(), 2 * PieceBuffer::kKeptBytes + 2 * kSmall);
  buffer.append(std::string(kWindow, 'x'));
  buffer.clear();
  EXPECT_EQ(buffer.held(), 0u);
  EXPECT_LE(buffer.memory(), 2 * kSmall);
}

TEST(PieceBufferTest, ABodyThatDripsReusesItsBuffers) {
  PieceBuffer buffer(kWindow);
  const std::string token(200, 't');
  for (int i = 0; i < 2; ++i) {
    buffer.append(token);
    (void)buffer.take();
    (void)buffer.give_back();
    buffer.trim();
  }
  const std::size_t before = buffer.memory();
  buffer.append(token);
  EXPECT_EQ(buffer.memory(), before);
}

}  // namespace
}  // namespace sluice::http2
