#include "gateway/llm/text/detokenizer.h"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include "gateway/llm/text/utf8.h"
#include "tests/gateway/llm/text/test_vocabulary.h"

namespace sluice::text {
namespace {

// The ids 0–255 of the fixtures are the single bytes.
std::vector<TokenId> one_token_per_byte(std::string_view bytes) {
  std::vector<TokenId> tokens;
  for (const char c : bytes)
    tokens.push_back(static_cast<unsigned char>(c));
  return tokens;
}

TEST(Detokenizer, ATextSplitAtEveryByteComesOutInWholeCharacters) {
  const Tokenizer tokenizer = load_style("gpt2_style");
  const std::string text = "aé你😀\u200D🎉\U0010FFFFz";
  Detokenizer detokenizer(tokenizer, true);
  std::string whole;
  for (const TokenId token : one_token_per_byte(text)) {
    std::string piece;
    detokenizer.push(token, piece);
    EXPECT_TRUE(is_valid_utf8(piece));
    EXPECT_EQ(piece.find("\uFFFD"), std::string::npos);
    whole += piece;
  }
  detokenizer.flush(whole);
  EXPECT_EQ(whole, text);
}

TEST(Detokenizer, ACharacterCutByTheEndOfTheStreamBecomesOneReplacementCharacterAtTheFlush) {
  const Tokenizer tokenizer = load_style("gpt2_style");
  Detokenizer detokenizer(tokenizer, true);
  std::string text;
  for (const TokenId token : one_token_per_byte("a\xF0\x9F\x98"))
    detokenizer.push(token, text);
  EXPECT_EQ(text, "a");
  detokenizer.flush(text);
  EXPECT_EQ(text, "a\uFFFD");
  detokenizer.flush(text);
  EXPECT_EQ(text, "a\uFFFD");
}

TEST(Detokenizer, AnyTokensPieceByPieceEqualTheDecodingOfTheWhole) {
  const Tokenizer tokenizer = load_style("gpt2_style");
  std::mt19937 dice(3);
  std::uniform_int_distribution<TokenId> any(0, static_cast<TokenId>(tokenizer.size()) - 1);
  for (int round = 0; round < 500; ++round) {
    std::vector<TokenId> tokens(20);
    for (TokenId& token : tokens)
      token = any(dice);
    for (const bool skip : {true, false}) {
      Detokenizer detokenizer(tokenizer, skip);
      std::string text;
      for (const TokenId token : tokens)
        detokenizer.push(token, text);
      detokenizer.flush(text);
      EXPECT_EQ(text, tokenizer.decode(tokens, skip));
    }
  }
}

}  // namespace
}  // namespace sluice::text
