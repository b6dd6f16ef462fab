#include "gateway/base/pattern.h"

#include <gtest/gtest.h>

#include <string>

namespace sluice {
namespace {

TEST(PatternTest, MatchesTheWholeText) {
  const Pattern pattern = Pattern::compile("/v[0-9]+/chat").value();
  EXPECT_TRUE(pattern.matches("/v12/chat"));
  EXPECT_FALSE(pattern.matches("/v12/chat/completions"));
  EXPECT_FALSE(pattern.matches("x/v12/chat"));
  EXPECT_FALSE(pattern.matches(""));
}

TEST(PatternTest, WhatIsWrongWithAnExpressionIsRe2sWord) {
  EXPECT_EQ(Pattern::compile("(a").error().detail(), "missing ): (a");
  EXPECT_EQ(Pattern::compile("a(?=b)").error().kind, ErrorKind::kConfig);
  EXPECT_EQ(Pattern::compile(R"((a)\1)").error().kind, ErrorKind::kConfig);
}

TEST(PatternTest, AnExpressionThatNeedsTooMuchMemoryIsRefused) {
  EXPECT_FALSE(Pattern::compile("((a{100}){100}){100}"));
}

// These take a backtracking engine longer than the age of the universe.
TEST(PatternTest, HostileExpressionsEndOnLongTexts) {
  for (const std::string_view expression : {"(a+)+$", "(a|aa)+$", "(a*)*b", "(.*a){12}$", "([a-zA-Z]+)*$"}) {
    const Pattern pattern = Pattern::compile(expression).value();
    for (const std::size_t size : {32u << 10, 64u << 10})
      EXPECT_FALSE(pattern.matches(std::string(size, 'a') + "!")) << expression;
  }
}

}  // namespace
}  // namespace sluice
