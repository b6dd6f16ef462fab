#include "backends/worker/api/json_scanner.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "gateway/llm/text/jinja/value_json.h"

namespace sluice::worker {
namespace {

// One letter for each byte: b(etween), k(ey), v(alue), e(nd), m(alformed).
std::string parts(std::string_view text) {
  JsonScanner scanner;
  std::string letters;
  for (const char c : text)
    letters += "bkvem"[static_cast<int>(scanner.take(c))];
  return letters;
}

bool accepts(std::string_view text) {
  const std::string letters = parts(text);
  return letters.find('m') == letters.npos && letters.ends_with('e');
}

TEST(JsonScanner, SaysOfEachByteWhatItBelongsTo) {
  EXPECT_EQ(parts(R"({"a": 1})"), "bkkkbbve");
  EXPECT_EQ(parts(R"( { "a" :[1 , {"b":2}],"c":"}" } )"), "bbbkkkbbvvvvvvvvvvvvvbkkkbvvvbem");
  EXPECT_EQ(parts(R"({})"), "be");
  EXPECT_EQ(parts(R"({"a":{"a":{}}})"), "bkkkbvvvvvvvve");
}

TEST(JsonScanner, EndsNumbersAtWhateverCannotBelongToThem) {
  EXPECT_EQ(parts("{\"a\":-1.5e+3}"), "bkkkbvvvvvvve");
  EXPECT_EQ(parts("{\"a\":0 ,\"b\":1}"), "bkkkbvbbkkkbve");
}

TEST(JsonScanner, AcceptsWhatTheParserAccepts) {
  // clang-format off
  for (const std::string_view text :
       {R"({"a":null,"b":true,"c":false})", R"({"a":-0,"b":10,"c":1E5,"d":1e-5,"e":0.25})",
        R"({"a":"\"\\\/\b\f\n\r\t\u00e9"})", "{\"\xC3\xA9\":\"\x7F\"}", "{\"a\":[],\"b\":[[],[1]],\"c\":{}}",
        "{", "{]", "{}}", "[]", "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "{,}", "{a:1}", "{'a':1}", "{\"a\":1 \"b\":2}",
        "{\"a\":01}", "{\"a\":1.}", "{\"a\":.5}", "{\"a\":+1}", "{\"a\":-}", "{\"a\":1e}", "{\"a\":1e+}", "{\"a\":0x1}",
        "{\"a\":tru}", "{\"a\":truee}", "{\"a\":nul1}", "{\"a\":NaN}", "{\"a\":\"\n\"}", "{\"a\":\"\\x\"}",
        "{\"a\":\"\\u12g4\"}", "{\"a\":\"\\u12\"}", "{\"a\":[1}", "{\"a\":[1,]}", "{\"a\":{]}", "{\"a\":1]", "{\"a\" 1}",
        "{\"a\"::1}", "{\"a\":1,,\"b\":2}", "{\"a\":\"b"}) {
    EXPECT_EQ(accepts(text), jinja::parse_json_value(text).has_value() && text[0] == '{') << text;
  }
  // clang-format on
}

TEST(JsonScanner, StaysMalformed) {
  EXPECT_EQ(parts("{1}{\"a\":1}"), "bmmmmmmmmm");
}

TEST(JsonScanner, RefusesNestingThatNoClientCouldSendBack) {
  const auto nested = [](std::size_t depth) {
    return "{\"a\":" + std::string(depth - 1, '[') + std::string(depth - 1, ']') + "}";
  };
  EXPECT_TRUE(accepts(nested(JsonScanner::kDeepest)));
  EXPECT_FALSE(accepts(nested(JsonScanner::kDeepest + 1)));
}

}  // namespace
}  // namespace sluice::worker
