#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "backends/worker/engine/logprobs.h"
#include "gateway/llm/text/tokenizer.h"

namespace sluice::worker {

// A token's logprob as answers print it.
struct NamedLogprob {
  std::int32_t token = 0;
  std::string text;
  float logprob = 0;      // at least kLowestLogprob: JSON has no infinity
  std::int32_t rank = 0;  // from 1; 0: nothing is known of the token
};

inline constexpr float kLowestLogprob = -9999;

// Of one position: the token there, then the others that were asked for, without those that came before.
using NamedLogprobs = std::vector<NamedLogprob>;

// Names tokens as parts of the text that they make up: the token that completes a character carries the whole
// of it, those before it are empty, so that the names put together are the text. `as_ids` writes token_id:N
// instead.
//
// One for each text; not for several threads. `tokenizer` must outlive it.
class LogprobText {
 public:
  LogprobText(const text::Tokenizer& tokenizer, bool as_ids) : tokenizer_(tokenizer), as_ids_(as_ids) {}

  // The name of the text's next token, for which nothing is known.
  std::string push(std::int32_t token);
  // The names of the text's next position, whose first entry stands in the text.
  NamedLogprobs push(const TokenLogprobs& position);

 private:
  std::string name(std::int32_t token, std::string& held) const;

  const text::Tokenizer& tokenizer_;
  bool as_ids_;
  std::string held_;  // the beginning of a character
};

}  // namespace sluice::worker
