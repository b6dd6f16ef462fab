#include "gateway/llm/text/utf8.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace sluice::text {
namespace {

std::string replaced(std::string_view bytes) {
  std::string out;
  append_utf8(bytes, true, out);
  return out;
}

TEST(Utf8, WellFormedTextPassesUnchanged) {
  const std::string_view text =
      "a\xC2\x80\xDF\xBF\xE0\xA0\x80\xED\x9F\xBF\xEF\xBF\xBF\xF0\x90\x80\x80\xF4\x8F\xBF\xBF";
  EXPECT_EQ(replaced(text), text);
  EXPECT_TRUE(is_valid_utf8(text));
}

TEST(Utf8, EachMaximalIllFormedSubpartBecomesOneReplacementCharacter) {
  // Unicode 15, table 3-8 to 3-11.
  EXPECT_EQ(replaced("\xC0\xAF\xE0\x80\xBF\xF0\x81\x82\x41"),
            "\uFFFD\uFFFD\uFFFD\uFFFD\uFFFD\uFFFD\uFFFD\uFFFD\x41");
  EXPECT_EQ(replaced("\xED\xA0\x80\xED\xBF\xBF\xED\xAF\x41"),
            "\uFFFD\uFFFD\uFFFD\uFFFD\uFFFD\uFFFD\uFFFD\uFFFD\x41");
  EXPECT_EQ(replaced("\xF4\x91\x92\x93\xFF\x41\x80\xBF\x42"),
            "\uFFFD\uFFFD\uFFFD\uFFFD\uFFFD\x41\uFFFD\uFFFD\x42");
  EXPECT_EQ(replaced("\xE1\x80\xE2\xF0\x91\x92\xF1\xBF\x41"), "\uFFFD\uFFFD\uFFFD\uFFFD\x41");
}

TEST(Utf8, ACharacterCutByTheEndIsLeftUnlessTheEndIsFinal) {
  std::string out;
  EXPECT_EQ(append_utf8("a\xF0\x9F\x98", false, out), 1u);
  EXPECT_EQ(out, "a");
  EXPECT_EQ(replaced("a\xF0\x9F\x98"), "a\uFFFD");
}

TEST(Utf8, CodePointsRoundTrip) {
  for (const char32_t code_point :
       {U'\0', U'a', U'\u0080', U'\u07FF', U'\u0800', U'\uFFFF', U'\U00010000', U'\U0010FFFF'}) {
    std::string out;
    append_code_point(code_point, out);
    std::size_t position = 0;
    EXPECT_EQ(next_code_point(out, position), code_point);
    EXPECT_EQ(position, out.size());
    EXPECT_EQ(count_code_points(out), 1u);
  }
}

TEST(Utf8, ASurrogateIsNotACodePointOfText) {
  std::string out;
  append_code_point(0xD800, out);
  EXPECT_EQ(out, "\uFFFD");
  EXPECT_FALSE(is_valid_utf8("\xED\xA0\x80"));
}

}  // namespace
}  // namespace sluice::text
