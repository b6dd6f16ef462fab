#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "gateway/base/result.h"
#include "gateway/llm/text/added_tokens.h"
#include "gateway/llm/text/bpe.h"
#include "gateway/llm/text/split_regex.h"
#include "gateway/llm/text/tokenizer_json.h"
#include "gateway/llm/text/word_cache.h"

namespace sluice::text {

struct EncodeOptions {
  // Put what the model expects around a text (usually a beginning-of-text token). Off for rendered chat
  // templates, which write those tokens themselves.
  bool add_special_tokens = true;
  // Recognise "<|im_end|>" and the like in the text as the control tokens they name; otherwise they are plain
  // text.
  bool match_added_tokens = true;
};

struct TokenizerOptions {
  std::size_t cached_words = 65536;  // 0: no cache; about 10 MiB when full
};

// Text to token ids and back, exactly as the byte-level BPE of a Hugging Face `tokenizer.json` does it. A
// text comes back from its ids to the byte, special tokens kept, unless the file asks for a space in front or
// for NFC: then what comes back has that space, or is in NFC between its added tokens.
//
// Immutable apart from an internally locked cache: one instance may be used from any number of threads.
class Tokenizer {
 public:
  // Larger texts are refused before any work: 32-bit positions inside, and no context holds that many tokens.
  static constexpr std::size_t kLongestText = 256U << 20;  // bytes

  // Reads `path`, a `tokenizer.json`. Fails (kConfig) if it cannot be read or says something unsupported, by
  // name.
  static Result<Tokenizer> load(const std::filesystem::path& path, const TokenizerOptions& options = {});
  static Result<Tokenizer> build(TokenizerSpec spec, const TokenizerOptions& options = {});

  // Fails (kInvalidBody) if `text` is not well-formed UTF-8, (kBodyTooLarge) if it is longer than
  // kLongestText.
  Result<std::vector<TokenId>> encode(std::string_view text, const EncodeOptions& options = {}) const;

  // Well-formed UTF-8; bytes that form no character become U+FFFD. Ids outside the vocabulary are left out.
  std::string decode(std::span<const TokenId> tokens, bool skip_special_tokens) const;

  // The bytes one token stands for, not necessarily whole characters; empty if `token` is not in the
  // vocabulary. Valid while this tokenizer lives.
  std::string_view bytes_of(TokenId token) const noexcept;
  bool contains(TokenId token) const noexcept;
  bool is_special(TokenId token) const noexcept;

  // The id of a token by its text: an added token's content, or a vocabulary entry's bytes.
  std::optional<TokenId> find(std::string_view token) const;

  // One more than the largest id. A checkpoint's vocab_size may be larger (padding).
  std::size_t size() const noexcept { return pieces_.size(); }

 private:
  struct Piece {
    std::string bytes;
    bool present = false;
    bool special = false;
  };
  Tokenizer(Bpe bpe, const TokenizerOptions& options);
  Result<void> encode_raw(std::string_view text, bool match, std::vector<TokenId>& tokens) const;
  Result<void> encode_normalized(std::string_view text, bool match, std::vector<TokenId>& tokens) const;
  Result<void> encode_plain(std::string_view text, std::vector<TokenId>& tokens) const;
  void encode_word(std::string_view word, std::vector<TokenId>& tokens) const;

  Bpe bpe_;
  std::vector<Piece> pieces_;     // by id
  AddedTokens added_raw_;         // found before normalization
  AddedTokens added_normalized_;  // and after it
  VocabularyMap ids_;
  std::vector<SplitRegex> splits_;
  bool add_prefix_space_ = false;
  bool nfc_ = false;
  std::vector<TokenId> prefix_;
  std::vector<TokenId> suffix_;
  std::unique_ptr<WordCache> cache_;
};

}  // namespace sluice::text
