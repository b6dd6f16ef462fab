#include "gateway/llm/text/tokenizer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <simdjson.h>

#include <random>
#include <string>
#include <vector>

#include "gateway/llm/text/utf8.h"
#include "tests/gateway/llm/text/test_vocabulary.h"

namespace sluice::text {
namespace {

using ::testing::ElementsAre;

std::vector<TokenId> ids(simdjson::dom::element list) {
  std::vector<TokenId> out;
  for (const std::int64_t id : list.get_array().value())
    out.push_back(static_cast<TokenId>(id));
  return out;
}

class TokenizerGoldens : public ::testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Styles, TokenizerGoldens, ::testing::Values("gpt2_style", "qwen_style"));

TEST_P(TokenizerGoldens, EncodesAsTheIndependentReferenceDoes) {
  const Tokenizer tokenizer = load_style(GetParam());
  simdjson::dom::parser parser;
  const simdjson::dom::element goldens = parser.load(fixture(std::string(GetParam()) + ".goldens.json"));
  int cases = 0;
  for (const simdjson::dom::element golden : goldens["cases"].get_array().value()) {
    const std::string_view text = golden["text"].get_string().value();
    const auto bare = tokenizer.encode(text, {.add_special_tokens = false});
    ASSERT_TRUE(bare.has_value()) << bare.error().detail();
    EXPECT_EQ(*bare, ids(golden["ids"].value())) << text;
    EXPECT_EQ(tokenizer.encode(text, {.add_special_tokens = false, .match_added_tokens = false}).value(),
              ids(golden["plain_ids"].value()))
        << text;
    std::vector<TokenId> whole = ids(goldens["prefix"].value());
    whole.insert(whole.end(), bare->begin(), bare->end());
    EXPECT_EQ(tokenizer.encode(text).value(), whole) << text;
    ++cases;
  }
  EXPECT_GT(cases, 120);
}

TEST_P(TokenizerGoldens, ASecondPassOverTheSameTextsComesFromTheCacheUnchanged) {
  const Tokenizer cached = load_style(GetParam());
  const Tokenizer uncached = load_style(GetParam(), {.cached_words = 0});
  const std::string text = "the gateway streams tokens, the gateway streams tokens; Größe \xF0\x9F\x98\x80";
  const auto expected = uncached.encode(text).value();
  EXPECT_EQ(cached.encode(text).value(), expected);
  EXPECT_EQ(cached.encode(text).value(), expected);
}

std::string random_text(std::mt19937& dice) {
  std::string text;
  const auto length = std::uniform_int_distribution<>(0, 60)(dice);
  for (int i = 0; i < length; ++i) {
    const int kind = std::uniform_int_distribution<>(0, 3)(dice);
    const char32_t top = kind == 0 ? 0x10FFFF : kind == 1 ? 0x2FFF : 0x7F;
    append_code_point(std::uniform_int_distribution<char32_t>(0, top)(dice), text);
  }
  return text;
}

TEST(Tokenizer, DecodingWhatWasEncodedGivesTheTextBack) {
  const Tokenizer tokenizer = load_style("gpt2_style");
  std::mt19937 dice(7);
  for (int i = 0; i < 2000; ++i) {
    const std::string text = random_text(dice);
    EXPECT_EQ(tokenizer.decode(tokenizer.encode(text).value(), false), text);
  }
}

TEST(Tokenizer, SpecialTokensAreLeftOutOfDecodedTextOnRequestAndOtherAddedTokensAreNot) {
  const Tokenizer tokenizer = load_style("gpt2_style");
  const auto tokens = tokenizer.encode("<|im_start|>the<|im|<|im_end|>").value();
  EXPECT_EQ(tokenizer.decode(tokens, true), "the<|im|");
  EXPECT_EQ(tokenizer.decode(tokens, false), "<|im_start|>the<|im|<|im_end|>");
}

TEST(Tokenizer, TextThatNamesAControlTokenCanBeTakenAsPlainText) {
  const Tokenizer tokenizer = load_style("gpt2_style");
  const TokenId control = tokenizer.find("<|im_end|>").value();
  EXPECT_THAT(tokenizer.encode("<|im_end|>").value(), ElementsAre(control));
  const auto plain = tokenizer.encode("<|im_end|>", {.match_added_tokens = false}).value();
  EXPECT_THAT(plain, ::testing::Not(::testing::Contains(control)));
  EXPECT_EQ(tokenizer.decode(plain, true), "<|im_end|>");
}

TEST(Tokenizer, NfcComposesBeforeSplitting) {
  const Tokenizer tokenizer = load_style("qwen_style");
  EXPECT_EQ(tokenizer.encode("e\u0301").value(), tokenizer.encode("\u00E9").value());
}

TEST(Tokenizer, BytesThatAreNoUtf8AreRefused) {
  const Tokenizer tokenizer = load_style("gpt2_style");
  const auto encoded = tokenizer.encode("\xC3(");
  ASSERT_FALSE(encoded.has_value());
  EXPECT_EQ(encoded.error().kind, ErrorKind::kInvalidBody);
}

TEST(Tokenizer, IdsOutsideTheVocabularyDecodeToNothing) {
  const Tokenizer tokenizer = load_style("gpt2_style");
  const TokenId beyond = static_cast<TokenId>(tokenizer.size());
  EXPECT_FALSE(tokenizer.contains(beyond));
  EXPECT_FALSE(tokenizer.contains(-1));
  EXPECT_EQ(tokenizer.decode(std::vector<TokenId>{-1, 'a', beyond}, false), "a");
}

TEST(Tokenizer, AMebibyteOfOneLetterIsEncodedLikeAnyText) {
  const Tokenizer tokenizer = load_style("gpt2_style");
  const std::string text(1 << 20, 'e');
  const auto tokens = tokenizer.encode(text).value();
  EXPECT_EQ(tokenizer.decode(tokens, false), text);
}

}  // namespace
}  // namespace sluice::text
