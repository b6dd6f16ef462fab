#include "backends/worker/api/answer_text.h"

namespace sluice::worker {

std::size_t AnswerText::accept(std::span<const std::int32_t> tokens, FinishReason finish,
                               std::int32_t stop_token, std::string& out) {
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    ++tokens_;
    const bool is_end = finish == FinishReason::kStop && i + 1 == tokens.size();
    if (is_end && !include_stop_) break;
    piece_.clear();
    detokenizer_.push(tokens[i], piece_);
    if (auto stop = stops_.push(piece_, tokens_ > min_tokens_, out)) {
      ending_ = Ending{"stop", std::move(stop), std::nullopt};
      return i + 1;
    }
  }
  if (finish == FinishReason::kNone) return tokens.size();
  piece_.clear();
  detokenizer_.flush(piece_);
  if (auto stop = stops_.push(piece_, tokens_ > min_tokens_, out)) {
    ending_ = Ending{"stop", std::move(stop), std::nullopt};
  } else {
    stops_.flush(out);
    end(finish, tokens.empty() ? -1 : tokens.back(), stop_token);
  }
  return tokens.size();
}

void AnswerText::end(FinishReason finish, std::int32_t last, std::int32_t stop_token) {
  Ending& ending = ending_.emplace();
  switch (finish) {
    case FinishReason::kStop:
      ending.finish_reason = "stop";
      // vLLM names every token but the tokenizer's own end of sequence: a checkpoint's further ones as well.
      if (stop_token >= 0) {
        ending.stop_token = stop_token;
      } else if (last != eos_token_) {
        ending.stop_token = last;
      }
      return;
    case FinishReason::kLength:
      ending.finish_reason = "length";
      return;
    case FinishReason::kNone:
    case FinishReason::kAborted:
    case FinishReason::kError:
      ending.finish_reason = "abort";
      return;
  }
}

}  // namespace sluice::worker
