#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gateway/llm/text/detokenizer.h"
#include "gateway/llm/text/nfc.h"
#include "gateway/llm/text/tokenizer.h"
#include "gateway/llm/text/utf8.h"
#include "tests/gateway/llm/text/test_vocabulary.h"

// What coming back means here, for any bytes:
//
// 1. Well-formed UTF-8 comes back to the byte: decode(encode(text)) == text, special tokens kept, whether or
// not their
//    names in the text are taken for the tokens.
// 2. A tokenizer that normalizes gives the normalized text back: NFC of each stretch between added tokens,
// which are
//    found first. The stretches are apart, so that "<|im_end|>" before U+0338 stays, though '>' would compose
//    with it.
// 3. Bytes that are not UTF-8 are refused: a request's body was checked before, and guessing would hide a
// defect. What
//    somebody makes of them by putting U+FFFD for each ill-formed part is a text as in 1.
// 4. A model may write any bytes, being free to choose tokens. They decode to that same text with U+FFFD, and
// piece by
//    piece to the same as at once.

namespace sluice::text {
namespace {

constexpr int kTexts = 100'000;
constexpr EncodeOptions kBare{.add_special_tokens = false};
constexpr EncodeOptions kPlain{.add_special_tokens = false, .match_added_tokens = false};

class Dice {
 public:
  explicit Dice(std::uint64_t seed) : engine_(seed) {}
  std::size_t below(std::size_t limit) { return engine_() % limit; }
  template <class T>
  const T& pick(std::span<const T> choices) {
    return choices[below(choices.size())];
  }

 private:
  std::mt19937_64 engine_;
};

constexpr std::string_view kAdded[] = {"<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|im|"};
constexpr std::string_view kWords[] = {"the",
                                       "Gateway",
                                       "STREAMS",
                                       "don't",
                                       "it's",
                                       "I'LL",
                                       "o'clock",
                                       "1234567",
                                       "3.14",
                                       "0x1F",
                                       "==",
                                       "...",
                                       "/* */",
                                       "\\n",
                                       "Stra\u00dfe",
                                       "na\u00efve",
                                       "\u0130\u0131",
                                       "\u4f60\u597d",
                                       "\u6771\u4eac",
                                       "\uc548\ub155",
                                       "\u0645\u0631",
                                       "\u0928\u092e\u0938\u094d\u0924\u0947",
                                       "\u0e2a\u0e27\u0e31",
                                       "\u05e9\u05dc\u05d5\u05dd",
                                       "\u13a0\uab70",
                                       "\U0001f600",
                                       "\U0001f468\u200d\U0001f469\u200d\U0001f467",
                                       "\U0001f1e9\U0001f1ea\U0001f1eb",
                                       "\u2764\ufe0f",
                                       "1\ufe0f\u20e3",
                                       "\U0001f3f4\U000e0067\U000e007f",
                                       "\u017f'\u017f",
                                       "\u212a\u212b\u2126",
                                       "\ufb01\ufb05",
                                       "\u2167\u00bd\u0664"};
constexpr std::string_view kSpaces[] = {" ",      "  ",     "\t",     "\n",     "\r",     "\r\n",   "\v",
                                        "\f",     "\u001c", "\u0085", "\u00a0", "\u1680", "\u180e", "\u2002",
                                        "\u200b", "\u2028", "\u2029", "\u202f", "\u205f", "\u3000", "\ufeff"};
// Some of them exclude each other's composition, reorder, or compose only with certain letters.
constexpr char32_t kMarks[] = {0x300, 0x301, 0x308, 0x323,  0x327,  0x338, 0x345,
                               0x5B0, 0x64B, 0x93C, 0x1161, 0x11A8, 0x3099};
constexpr char32_t kBases[] = {'a',   'e',    'Z',    '<',    '>',    '=',    0x3A9,
                               0x915, 0x30AB, 0x1100, 0xAC00, 0xF900, 0x1D15E};
// Lone continuations, overlong forms, surrogates, beyond U+10FFFF, and characters that are cut short.
constexpr std::string_view kIllFormed[] = {"\x80",
                                           "\xBF\xBF",
                                           "\xC0\x80",
                                           "\xC1\xBF",
                                           "\xE0\x80\x80",
                                           "\xED\xA0\x80",
                                           "\xED\xBF\xBF",
                                           "\xF0\x80\x80\x80",
                                           "\xF4\x90\x80\x80",
                                           "\xF5",
                                           "\xFF\xFE",
                                           "\xC3",
                                           "\xE2\x82",
                                           "\xF0\x9F\x98",
                                           "\xF0\x9F",
                                           "\xE2(\xA1",
                                           "\xF8\x88\x80\x80\x80"};

void append_piece(Dice& dice, bool ill_formed, std::string& text) {
  switch (dice.below(ill_formed ? 12 : 10)) {
    case 0:
    case 1:
      text += dice.pick<std::string_view>(kWords);
      return;
    case 2:
    case 3:
      for (std::size_t n = 1 + dice.below(3); n > 0; --n)
        text += dice.pick<std::string_view>(kSpaces);
      return;
    case 4:
      text += dice.pick<std::string_view>(kAdded);
      return;
    case 5: {  // a part of one, perhaps inside another
      const std::string_view token = dice.pick<std::string_view>(kAdded);
      text += token.substr(0, dice.below(token.size() + 1));
      return;
    }
    case 6:
      append_code_point(dice.pick<char32_t>(kBases), text);
      for (std::size_t n = 1 + dice.below(4); n > 0; --n)
        append_code_point(dice.pick<char32_t>(kMarks), text);
      return;
    case 7:  // any character at all, assigned or not
      append_code_point(static_cast<char32_t>(dice.below(0x110000)), text);
      return;
    case 8:
      append_code_point(static_cast<char32_t>(dice.below(0x3000)), text);
      return;
    case 9:
      text.append(1 + dice.below(20), static_cast<char>(dice.below(0x80)));
      return;
    case 10:
      text += dice.pick<std::string_view>(kIllFormed);
      return;
    default:
      text += static_cast<char>(dice.below(0x100));
  }
}

std::string fuzzed(Dice& dice, bool ill_formed) {
  std::string text;
  for (std::size_t n = dice.below(12); n > 0; --n)
    append_piece(dice, ill_formed, text);
  return text;
}

std::string repaired(std::string_view bytes) {
  std::string text;
  append_utf8(bytes, true, text);
  return text;
}

// Statement 2, by the naivest means.
std::string normalized(std::string_view text) {
  std::string result;
  std::string stretch;
  const auto end_stretch = [&] { result += to_nfc(std::exchange(stretch, {})).value(); };
  while (!text.empty()) {
    std::string_view found;
    for (const std::string_view added : kAdded) {
      if (text.starts_with(added) && added.size() > found.size()) found = added;
    }
    if (!found.empty()) end_stretch();
    (found.empty() ? stretch : result) += text.substr(0, std::max<std::size_t>(1, found.size()));
    text.remove_prefix(std::max<std::size_t>(1, found.size()));
  }
  end_stretch();
  return result;
}

std::string decoded_in_pieces(const Tokenizer& tokenizer, std::span<const TokenId> tokens) {
  Detokenizer detokenizer(tokenizer, false);
  std::string text;
  for (const TokenId token : tokens)
    detokenizer.push(token, text);
  detokenizer.flush(text);
  return text;
}

class RoundTrip : public ::testing::TestWithParam<const char*> {
 protected:
  static Tokenizer tokenizer() {
    if (GetParam() != std::string_view("shipped")) return load_style(GetParam());
    return Tokenizer::load(SLUICE_SOURCE_DIR "/backends/worker/models/tiny/v1/tokenizer.json").value();
  }
  static bool normalizes() { return GetParam() == std::string_view("qwen_style"); }
};
INSTANTIATE_TEST_SUITE_P(Styles, RoundTrip, ::testing::Values("gpt2_style", "qwen_style", "shipped"),
                         [](const auto& style) { return std::string(style.param); });

TEST_P(RoundTrip, AnyTextComesBack) {
  const Tokenizer tokenizer = RoundTrip::tokenizer();
  Dice dice(1);
  for (int i = 0; i < kTexts / 2; ++i) {
    const std::string text = fuzzed(dice, false);
    const auto tokens = tokenizer.encode(text, kBare).value();
    ASSERT_EQ(tokenizer.decode(tokens, false), normalizes() ? normalized(text) : text) << i;
    if (i % 4 != 0) continue;
    ASSERT_EQ(decoded_in_pieces(tokenizer, tokens), tokenizer.decode(tokens, false)) << i;
    const auto plain = tokenizer.encode(text, kPlain).value();
    ASSERT_EQ(tokenizer.decode(plain, false), normalizes() ? to_nfc(text).value() : text) << i;
    ASSERT_TRUE(std::ranges::none_of(plain, [&](TokenId token) { return tokenizer.is_special(token); })) << i;
  }
}

TEST_P(RoundTrip, BytesThatAreNoTextAreRefusedAndComeBackRepaired) {
  const Tokenizer tokenizer = RoundTrip::tokenizer();
  std::array<TokenId, 256> byte_tokens{};
  for (unsigned byte = 0; byte < 256; ++byte)
    byte_tokens[byte] = tokenizer.find(std::string(1, static_cast<char>(byte))).value();
  Dice dice(2);
  int ill_formed = 0;
  for (int i = 0; i < kTexts / 2; ++i) {
    const std::string bytes = fuzzed(dice, true);
    const std::string text = repaired(bytes);
    ASSERT_TRUE(is_valid_utf8(text)) << i;
    const auto encoded = tokenizer.encode(bytes);
    ASSERT_EQ(encoded.has_value(), text == bytes) << i;
    ill_formed += encoded ? 0 : 1;
    const auto tokens = tokenizer.encode(text, kBare).value();
    ASSERT_EQ(tokenizer.decode(tokens, false), normalizes() ? normalized(text) : text) << i;
    std::vector<TokenId> written;
    for (const char c : bytes)
      written.push_back(byte_tokens[static_cast<unsigned char>(c)]);
    ASSERT_EQ(tokenizer.decode(written, false), text) << i;
    ASSERT_EQ(decoded_in_pieces(tokenizer, written), text) << i;
  }
  EXPECT_GT(ill_formed, kTexts / 8);
}

TEST(Tokenizer, TextBesideAnAddedTokenDoesNotComposeWithIt) {
  const Tokenizer tokenizer = load_style("qwen_style");
  const std::string text = "<|im_end|>\u0338";
  EXPECT_EQ(tokenizer.decode(tokenizer.encode(text, kBare).value(), false), text);
  EXPECT_EQ(tokenizer.decode(tokenizer.encode(text, kPlain).value(), false), "<|im_end|\u226f");
}

}  // namespace
}  // namespace sluice::text
