#pragma once

#include <string>

#include "gateway/llm/text/tokenizer.h"

namespace sluice::text {

// Text of a token stream, piece by piece. A character whose bytes are split over tokens is held back until it
// is whole, so U+FFFD appears only where the model really wrote bytes that form no character. The pieces and
// the flush, put together, equal `Tokenizer::decode` of all tokens.
//
// Holds at most three bytes. One per stream; not shared between threads. `tokenizer` must outlive it.
class Detokenizer {
 public:
  Detokenizer(const Tokenizer& tokenizer, bool skip_special_tokens)
      : tokenizer_(&tokenizer), skip_special_tokens_(skip_special_tokens) {}

  // Appends the text that `token` completes, possibly none.
  void push(TokenId token, std::string& text);

  // The stream has ended: appends U+FFFD if a character stayed incomplete.
  void flush(std::string& text);

 private:
  const Tokenizer* tokenizer_;
  bool skip_special_tokens_;
  std::string held_;
};

}  // namespace sluice::text
