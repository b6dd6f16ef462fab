#include "gateway/llm/text/tokenizer_json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "gateway/llm/text/text_file.h"
#include "gateway/llm/text/tokenizer.h"
#include "tests/gateway/llm/text/test_vocabulary.h"

namespace sluice::text {
namespace {

using ::testing::HasSubstr;

struct Broken {
  const char* name;
  const char* from;  // a piece of the Qwen-style fixture
  const char* to;
  const char* message;
};

void PrintTo(const Broken& broken, std::ostream* out) {
  *out << broken.name;
}

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const auto at = text.find(from);
  if (at == std::string::npos) throw std::logic_error("the fixture has no " + from);
  return text.replace(at, from.size(), to);
}

class BrokenTokenizer : public ::testing::TestWithParam<Broken> {};
INSTANTIATE_TEST_SUITE_P(
    Constructs, BrokenTokenizer,
    ::testing::Values(
        Broken{"unigram", R"("type": "BPE")", R"("type": "Unigram")", "model Unigram is not supported"},
        Broken{"byte_fallback", R"("byte_fallback": false)", R"("byte_fallback": true)", "byte_fallback"},
        Broken{"fuse_unk", R"("fuse_unk": false)", R"("fuse_unk": true)", "fuse_unk"},
        Broken{"dropout", R"("dropout": null)", R"("dropout": 0.1)", "dropout"},
        Broken{"suffix", R"("end_of_word_suffix": "")", R"("end_of_word_suffix": "</w>")",
               "end_of_word_suffix"},
        Broken{"normalizer", R"({"type": "NFC"})", R"({"type": "Lowercase"})", "normalizer Lowercase"},
        Broken{"metaspace", R"({"type": "Split",)", R"({"type": "Metaspace",)", "pre-tokenizer Metaspace"},
        Broken{"behavior", R"("Isolated")", R"("Removed")", "Split with behavior Removed"},
        Broken{"invert", R"("invert": false)", R"("invert": true)", "invert"},
        Broken{"pattern", R"("Regex": "(?i:)", R"("Regex": "(?i:()", "split pattern does not compile"},
        Broken{"post_processor", R"("type": "TemplateProcessing")", R"("type": "BertProcessing")",
               "BertProcessing"},
        Broken{"decoder", R"("decoder": {"type": "ByteLevel")", R"("decoder": {"type": "WordPiece")",
               "decoder WordPiece"},
        Broken{"strip", R"("lstrip": false)", R"("lstrip": true)", "lstrip"},
        Broken{"id", R"("vocab": {)", R"("vocab": {"zzzzz": 5000000, )", "token id"},
        Broken{"id_type", R"("vocab": {)", R"("vocab": {"zzzzz": "1", )", "token id"},
        Broken{"same_id", R"("vocab": {)", R"("vocab": {"zzzzz": 5, )", "two tokens have the id 5"},
        Broken{"same_added_id", R"("added_tokens": [{"id": )", R"("added_tokens": [{"id": 97, "x": )",
               "two tokens have the id 97"},
        Broken{"text_left_out", R"({"Sequence": {"id": "A", "type_id": 0}})",
               R"({"SpecialToken": {"id": "<|endoftext|>", "type_id": 0}})", "leaves the text out"},
        Broken{"single_byte", R"("Regex": "(?i:)", R"("Regex": "\\C|(?i:)", "split pattern does not compile"},
        Broken{"missing_byte", R"("a": )", R"("aaaaa": )", "no token for byte 97"},
        Broken{"merge_form", R"("merges": [)", R"("merges": [["a"], )", "merge 0 is neither"},
        Broken{"merge_unknown", R"("merges": [)", R"("merges": ["zq zq", )", "merge 0 names a token outside"},
        Broken{"not_json", R"("version")", "version", "tokenizer.json: "}),
    [](const auto& test) { return std::string(test.param.name); });

TEST_P(BrokenTokenizer, IsRefusedByName) {
  const std::string json = read_text_file(fixture("qwen_style.tokenizer.json"), 1 << 20).value();
  auto spec = parse_tokenizer_json(replaced(json, GetParam().from, GetParam().to));
  const Error error = spec ? Tokenizer::build(std::move(*spec)).error() : spec.error();
  EXPECT_EQ(error.kind, ErrorKind::kConfig);
  EXPECT_THAT(error.detail(), HasSubstr(GetParam().message));
}

TEST(TokenizerJson, ATokenThatIsLookedForAfterNormalizationIsNormalizedItself) {
  const std::string json = read_text_file(fixture("qwen_style.tokenizer.json"), 1 << 20).value();
  const auto tokenizer = Tokenizer::build(
      parse_tokenizer_json(
          replaced(
              json, R"("added_tokens": [)",
              R"("added_tokens": [{"id": 2000, "content": "cafe\u0301!", "special": false, "normalized": true}, )"))
          .value());
  for (const std::string text : {"cafe\u0301!", "caf\u00e9!"}) {
    const auto tokens = tokenizer->encode(text, {.add_special_tokens = false}).value();
    EXPECT_EQ(tokens, std::vector<TokenId>{2000}) << text;
  }
  EXPECT_EQ(tokenizer->decode(std::vector<TokenId>{2000}, false), "cafe\u0301!");
}

TEST(TokenizerJson, APatternThatMovesWhereItsMatchBeginsLosesNoText) {
  const std::string json = read_text_file(fixture("qwen_style.tokenizer.json"), 1 << 20).value();
  const auto tokenizer = Tokenizer::build(
      parse_tokenizer_json(replaced(json, R"("Regex": "(?i:)", R"("Regex": "a\\Kb|(?i:)")).value());
  EXPECT_EQ(tokenizer->decode(tokenizer->encode("ab ab").value(), true), "ab ab");
}

TEST(TokenizerJson, AMissingFileIsNamed) {
  const auto tokenizer = Tokenizer::load(fixture("nowhere.json"));
  ASSERT_FALSE(tokenizer.has_value());
  EXPECT_THAT(tokenizer.error().detail(), HasSubstr("nowhere.json"));
}

}  // namespace
}  // namespace sluice::text
