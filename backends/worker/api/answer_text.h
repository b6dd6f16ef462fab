#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "backends/worker/api/stop_strings.h"
#include "backends/worker/engine/request.h"
#include "gateway/llm/text/detokenizer.h"

namespace sluice::worker {

// What a request says about the text of its answer.
struct TextOptions {
  std::vector<std::string> stop = {};
  bool include_stop = false;  // keep the stop string, or the text of the stop token, in the text
  bool skip_special_tokens = true;
  std::int32_t min_tokens = 0;  // no stop string is looked for in the text of the first ones
};

// Why an answer ended, as the API says it.
struct Ending {
  std::string_view finish_reason;          // "stop", "length", "abort"
  std::optional<std::string> stop_text;    // the stop string that was found
  std::optional<std::int32_t> stop_token;  // the stop token, unless it is the model's end of sequence
};

// Turns the engine's tokens into the text of the answer: detokenises, cuts at stop strings, decides why the
// answer ended. Not for several threads; `tokenizer` must outlive it.
class AnswerText {
 public:
  // `eos_token` is the token that ends an answer without being named as its stop_reason; -1 for none.
  // `options` outlives it: many answers to a request share them.
  AnswerText(const text::Tokenizer& tokenizer, const TextOptions& options, std::int32_t eos_token)
      : detokenizer_(tokenizer, options.skip_special_tokens),
        stops_(options.stop, options.include_stop),
        include_stop_(options.include_stop),
        min_tokens_(options.min_tokens),
        eos_token_(eos_token) {}

  // Takes the next tokens, of which the last is the reason for `finish` if that is kStop, and appends to
  // `out` the text to show. Returns how many tokens belong to the answer: those behind a stop string do not.
  // Must not be called once ended() says yes.
  std::size_t accept(std::span<const std::int32_t> tokens, FinishReason finish, std::int32_t stop_token,
                     std::string& out);

  const std::optional<Ending>& ending() const noexcept { return ending_; }
  bool ended() const noexcept { return ending_.has_value(); }
  std::int32_t tokens() const noexcept { return tokens_; }

 private:
  void end(FinishReason finish, std::int32_t last, std::int32_t stop_token);

  text::Detokenizer detokenizer_;
  StopStrings stops_;
  bool include_stop_;
  std::int32_t min_tokens_;
  std::int32_t eos_token_;
  std::int32_t tokens_ = 0;
  std::string piece_;
  std::optional<Ending> ending_;
};

}  // namespace sluice::worker
