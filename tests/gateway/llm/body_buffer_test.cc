#include "gateway/llm/body_buffer.h"

#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <utility>

namespace sluice::llm {
namespace {

TEST(BodyBuffer, KeepsWhatWasAppendedInOrder) {
  BodyBuffer body(100000);
  std::string expected;
  for (int i = 0; i < 1000; ++i) {
    const std::string piece = std::to_string(i) + ",";
    ASSERT_TRUE(body.append(piece));
    expected += piece;
  }
  EXPECT_EQ(body.view(), expected);
}

TEST(BodyBuffer, TakesTheLimitExactlyAndRefusesOneByteMore) {
  BodyBuffer body(10);
  ASSERT_TRUE(body.append("01234"));
  ASSERT_TRUE(body.append("56789"));
  const Result<void> more = body.append("x");
  ASSERT_FALSE(more);
  EXPECT_EQ(more.error().kind, ErrorKind::kBodyTooLarge);
  EXPECT_EQ(body.view(), "0123456789");
  EXPECT_TRUE(body.append(""));
}

TEST(BodyBuffer, RefusesAnAnnouncedSizeOverTheLimitBeforeAnyByte) {
  BodyBuffer body(10);
  EXPECT_TRUE(body.reserve(10));
  EXPECT_FALSE(body.reserve(11));
  EXPECT_EQ(body.reserve(11).error().kind, ErrorKind::kBodyTooLarge);
}

TEST(BodyBuffer, HasReadablePaddingBehindTheLastByteAtEverySize) {
  BodyBuffer body(5000);
  for (int i = 0; i < 5000; ++i) {
    ASSERT_TRUE(body.append("x"));
    // AddressSanitizer reports a write past the allocation.
    std::memset(const_cast<char*>(body.view().data()) + body.size(), 0, kJsonPadding);
    ASSERT_LE(body.memory(), 2 * body.size() + 4096);
  }
}

TEST(BodyBuffer, NeverHoldsMoreThanTheLimitAndItsPadding) {
  BodyBuffer body(6000);
  ASSERT_TRUE(body.append(std::string(5000, 'x')));
  ASSERT_TRUE(body.append(std::string(1000, 'x')));
  EXPECT_EQ(body.memory(), 6000 + kJsonPadding);
}

TEST(BodyBuffer, MovingKeepsTheBytesWhereTheyAre) {
  BodyBuffer first(100);
  ASSERT_TRUE(first.append("abc"));
  const char* where = first.view().data();
  BodyBuffer second(std::move(first));
  EXPECT_EQ(second.view().data(), where);
  EXPECT_EQ(second.view(), "abc");
  BodyBuffer third(1);
  third = std::move(second);
  EXPECT_EQ(third.view(), "abc");
  EXPECT_EQ(third.limit(), 100u);
}

TEST(BodyBuffer, ReleaseGivesTheMemoryBackAndTheBufferCanBeUsedAgain) {
  BodyBuffer body(100);
  ASSERT_TRUE(body.append("abc"));
  body.release();
  EXPECT_EQ(body.memory(), 0u);
  EXPECT_EQ(body.view(), "");
  ASSERT_TRUE(body.append("de"));
  EXPECT_EQ(body.view(), "de");
}

}  // namespace
}  // namespace sluice::llm
