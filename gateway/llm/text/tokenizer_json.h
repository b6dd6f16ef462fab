#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "gateway/base/result.h"
#include "gateway/llm/text/bpe.h"

namespace sluice::text {

// A token that is matched in the text itself, before any splitting or merging.
struct AddedToken {
  TokenId id = 0;
  std::string content;
  bool special = false;     // left out of decoded text on request
  bool normalized = false;  // looked for after normalization instead of before
};

// What a Hugging Face `tokenizer.json` says, reduced to the byte-level BPE family (GPT-2, Llama 3, Qwen).
struct TokenizerSpec {
  VocabularyMap vocabulary;  // keys are bytes, no longer written in the byte alphabet
  std::vector<Bpe::Merge> merges;
  bool whole_words = false;
  std::vector<AddedToken> added_tokens;
  std::vector<std::string> split_patterns;  // applied in turn, each to the pieces of the one before
  bool add_prefix_space = false;
  bool nfc = false;
  std::vector<TokenId> prefix;  // what "add special tokens" puts before a text
  std::vector<TokenId> suffix;  // and behind it
};

// Reads the text of a `tokenizer.json`. Fails (kConfig) on malformed JSON, and on every construct that would
// make the tokens differ from those the model was trained with, by name: another model type, normalizer,
// pre-tokenizer, post-processor or decoder, byte_fallback, dropout, unknown-token fusing, word prefixes and
// suffixes.
Result<TokenizerSpec> parse_tokenizer_json(std::string_view json);

}  // namespace sluice::text
