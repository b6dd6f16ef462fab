#include "gateway/llm/text/added_tokens.h"

#include <gtest/gtest.h>

#include <string>

namespace sluice::text {
namespace {

AddedTokens some() {
  AddedTokens tokens;
  tokens.add("<|im|", 1);
  tokens.add("<|im_start|>", 2);
  tokens.add("\xC3\xA9t\xC3\xA9", 3);
  tokens.add("<|im_start|>", 4);
  return tokens;
}

void expect_found(const AddedTokens& tokens, std::string_view text, std::size_t from, std::size_t begin,
                  std::size_t size, TokenId token) {
  const auto match = tokens.find(text, from);
  ASSERT_TRUE(match.has_value()) << text;
  EXPECT_EQ(match->begin, begin) << text;
  EXPECT_EQ(match->size, size) << text;
  EXPECT_EQ(match->token, token) << text;
}

TEST(AddedTokens, TheLongestOfTheFirstIsFound) {
  expect_found(some(), "a<|im_start|>", 0, 1, 12, 2);
  expect_found(some(), "<|im|im_start|>", 0, 0, 5, 1);
  expect_found(some(), "<|im_star<|im_start|>", 0, 9, 12, 2);
  expect_found(some(), "<|im|<|im_start|>", 1, 5, 12, 2);
  expect_found(some(), "l'\xC3\xA9t\xC3\xA9", 0, 2, 5, 3);
}

TEST(AddedTokens, NothingIsFoundWhereNothingIs) {
  for (const std::string text : {"", "<", "<|im", "<|im_start|", "\xC3\xA9t"})
    EXPECT_FALSE(some().find(text, 0).has_value()) << text;
  EXPECT_FALSE(some().find("<|im|", 1).has_value());
  EXPECT_FALSE(some().find("<|im|", 5).has_value());
  EXPECT_FALSE(AddedTokens().find("text", 0).has_value());
}

}  // namespace
}  // namespace sluice::text
