#include "gateway/base/byte_scan.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

namespace sluice {
namespace {

// Every length through several blocks, a hit at every place and two hits at every distance, against a loop.
template <class Find, class Wanted>
void compare(Find find, Wanted wanted, char plain, char hit) {
  for (std::size_t size = 0; size <= 70; ++size) {
    for (std::size_t first = 0; first <= size; ++first) {
      for (std::size_t second = first; second <= size; second += 7) {
        std::string text(size, plain);
        if (first < size) text[first] = hit;
        if (second < size) text[second] = hit;
        const auto expected = std::ranges::find_if(text, wanted) - text.begin();
        ASSERT_EQ(find(text.data(), text.data() + size) - text.data(), expected)
            << size << ' ' << first << ' ' << second;
      }
    }
  }
}

TEST(ByteScan, EveryBytesClassIsThatOfALoop) {
  for (int c = 0; c < 256; ++c) {
    const char byte = static_cast<char>(c);
    const bool control = (c < 0x20 && c != '\t') || c == 0x7f;
    const bool special = c < 0x20 || c >= 0x7f || c == '"' || c == '\\';
    // In a block of its own, and behind one.
    for (const std::size_t size :
         {std::size_t{1}, std::size_t{4}, std::size_t{11}, std::size_t{16}, std::size_t{40}}) {
      const std::string text(size, byte);
      const char* const end = text.data() + size;
      EXPECT_EQ(find_control(text.data(), end) == end, !control) << c;
      EXPECT_EQ(find_json_special(text.data(), end) == end, !special) << c;
      EXPECT_EQ(find_either(text.data(), end, '"', '\\') == end, c != '"' && c != '\\') << c;
    }
  }
}

TEST(ByteScan, TheFirstHitIsFoundWhereverBlocksBeginAndEnd) {
  compare(find_control, [](char c) { return c == '\n'; }, 'a', '\n');
  compare(find_json_special, [](char c) { return c == '"'; }, 'a', '"');
  compare([](const char* b, const char* e) { return find_either(b, e, '"', '\\'); },
          [](char c) { return c == '\\'; }, 'a', '\\');
}

TEST(ByteScan, TheMarksOfABlockAreThoseOfALoop) {
  for (int c = 0; c < 256; ++c) {
    const bool marked = std::string_view("\"\\[]{}|").find(static_cast<char>(c)) != std::string_view::npos;
    for (unsigned place = 0; place < 16; ++place) {
      std::string block(16, 'a');
      block[place] = static_cast<char>(c);
      EXPECT_EQ(json_marks(block.data()), marked ? 1u << place : 0u) << c << ' ' << place;
    }
  }
}

}  // namespace
}  // namespace sluice
