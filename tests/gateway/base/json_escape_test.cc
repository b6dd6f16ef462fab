#include "gateway/base/json_escape.h"

#include <gtest/gtest.h>

namespace sluice {
namespace {

std::string escaped(std::string_view text) {
  std::string out;
  json_escape(text, out);
  return out;
}

struct EscapeCase {
  const char* name;
  std::string text;
  std::string expected;
};

class JsonEscape : public testing::TestWithParam<EscapeCase> {};

TEST_P(JsonEscape, WritesTheExpectedText) {
  EXPECT_EQ(escaped(GetParam().text), GetParam().expected);
}

INSTANTIATE_TEST_SUITE_P(
    Table, JsonEscape,
    testing::Values(EscapeCase{"Empty", "", ""},                                                      //
                    EscapeCase{"Plain", "a model/name-1", "a model/name-1"},                          //
                    EscapeCase{"QuoteAndBackslash", "a\"b\\c", "a\\\"b\\\\c"},                        //
                    EscapeCase{"LineEnds", "a\r\nb\tc", "a\\r\\nb\\tc"},                              //
                    EscapeCase{"Nul", std::string("a\0b", 3), "a\\u0000b"},                           //
                    EscapeCase{"Escape", "\x1b[31m", "\\u001b[31m"},                                  //
                    EscapeCase{"Del", "\x7f", "\\u007f"},                                             //
                    EscapeCase{"NextLine", "\xc2\x85", "\\u0085"},                                    //
                    EscapeCase{"C1Introducer", "\xc2\x9b", "\\u009b"},                                //
                    EscapeCase{"FirstAfterC1", "\xc2\xa0", "\xc2\xa0"},                               //
                    EscapeCase{"LineSeparator", "\xe2\x80\xa8", "\\u2028"},                           //
                    EscapeCase{"ParagraphSeparator", "\xe2\x80\xa9", "\\u2029"},                      //
                    EscapeCase{"NeighbourOfSeparators", "\xe2\x80\xaa", "\xe2\x80\xaa"},              //
                    EscapeCase{"FourBytes", "\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80"},                  //
                    EscapeCase{"LoneContinuation", "a\x80z", "a\xef\xbf\xbdz"},                       //
                    EscapeCase{"TruncatedThreeBytes", "\xe2\x82", "\xef\xbf\xbd"},                    //
                    EscapeCase{"TruncatedThenText", "\xe2\x82(", "\xef\xbf\xbd("},                    //
                    EscapeCase{"Overlong", "\xc0\xaf", "\xef\xbf\xbd\xef\xbf\xbd"},                   //
                    EscapeCase{"Surrogate", "\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},  //
                    EscapeCase{"PastUnicode", "\xf4\x90\x80\x80",                                     //
                               "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},                   //
                    EscapeCase{"BrokenFourBytesHideNoQuote", "\xf0\x9f\"", "\xef\xbf\xbd\\\""}),
    [](const auto& instance) { return instance.param.name; });

TEST(JsonEscapeText, AppendsToWhatIsThere) {
  std::string out = "x=";
  json_escape("\"", out);
  EXPECT_EQ(out, "x=\\\"");
}

TEST(JsonEscapeText, NoByteOfAnyKindMakesARawControlOrAnInvalidSequence) {
  for (int first = 0; first < 256; ++first) {
    for (int second = 0; second < 256; ++second) {
      const std::string text = {static_cast<char>(first), static_cast<char>(second)};
      const std::string out = escaped(text);
      for (std::string_view rest = out; !rest.empty();) {
        const std::size_t length = utf8_sequence_length(rest);
        ASSERT_GT(length, 0u) << first << ' ' << second;
        ASSERT_GE(static_cast<unsigned char>(rest[0]), 0x20) << first << ' ' << second;
        ASSERT_NE(rest[0], 0x7f);
        rest.remove_prefix(length);
      }
    }
  }
}

TEST(Utf8SequenceLength, IsZeroForNothingAndForBrokenSequences) {
  EXPECT_EQ(utf8_sequence_length(""), 0u);
  EXPECT_EQ(utf8_sequence_length("\xc3"), 0u);
  EXPECT_EQ(utf8_sequence_length("\xc3\xa9z"), 2u);
  EXPECT_EQ(utf8_sequence_length("\xe0\x9f\x80"), 0u);
  EXPECT_EQ(utf8_sequence_length("\xf4\x8f\xbf\xbf"), 4u);
}

}  // namespace
}  // namespace sluice
