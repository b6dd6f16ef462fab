#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "backends/worker/api/answer_format.h"
#include "backends/worker/api/answer_text.h"
#include "backends/worker/api/api_request.h"
#include "backends/worker/api/hermes_tool_calls.h"
#include "backends/worker/api/logprob_text.h"
#include "backends/worker/api/served_model.h"
#include "backends/worker/api/token_mailbox.h"
#include "backends/worker/api/worker_metrics.h"

namespace sluice::worker {

// A prompt to be answered, once or several times.
struct PlannedPrompt {
  std::shared_ptr<const TokenIds> tokens;
  std::int32_t max_tokens = 0;
  std::string echo;  // goes in front of the answers
};

// Whether tool calls are read out of the text of answers.
enum class ToolReading {
  kNone,
  kWhole,    // once the answer has ended
  kStreamed  // piece by piece
};

// How answers are to be told.
struct AnswerStyle {
  TextOptions text;
  bool only_echo = false;  // the answer itself is not shown
  bool with_logprobs = false;
  bool with_prompt_logprobs = false;
  bool echoes_logprobs = false;  // those of the prompt come in front of the answer's
  bool with_token_ids = false;
  bool tokens_as_ids = false;  // in logprobs
  ToolReading tools = ToolReading::kNone;
  bool only_first_call = false;           // parallel_tool_calls is off
  std::function<std::string()> fresh_id;  // of tool calls; needed where they are read
};

// One of a request's answers under way: makes text and logprobs of the engine's tokens. Threads: the loop's.
// The arguments outlive it.
class Choice {
 public:
  Choice(const ServedModel& model, WorkerMetrics& metrics, const AnswerStyle& style,
         const PlannedPrompt& prompt, std::int32_t index, Duration submitted_after);

  // Takes the engine's news. Not to be called once ended().
  void accept(TokenBatch batch);

  bool ended() const noexcept { return text_.ended(); }
  // Whether something is new that a frame would show.
  bool has_news() const noexcept {
    return ended() || !new_text_.empty() || !calls_.empty() || style_.tools == ToolReading::kNone;
  }
  std::int32_t tokens() const noexcept { return text_.tokens(); }
  std::int32_t cached_tokens() const noexcept { return cached_tokens_; }

  // What has come since the last clear(); valid until then.
  AnswerPart part() const;
  std::int32_t new_tokens() const noexcept { return text_.tokens() - told_; }
  void clear();

 private:
  void accept_text(std::string_view text);
  void add_call(std::size_t index, const std::string* name, std::string arguments);
  void accept_prompt_logprobs(const std::vector<TokenLogprobs>& positions);

  const text::Tokenizer& tokenizer_;
  const AnswerStyle& style_;
  const PlannedPrompt& prompt_;
  const std::int32_t index_;
  AnswerText text_;
  LogprobText logprob_text_;
  WorkerMetrics::Request times_;
  std::int32_t cached_tokens_ = 0;
  std::int32_t told_ = 0;  // tokens
  HermesToolCalls tool_calls_;
  bool has_calls_ = false;
  std::optional<Ending> ending_;

  // New since the last clear().
  bool is_first_ = true;
  std::string new_text_;
  TokenIds ids_;
  std::vector<NamedLogprobs> logprobs_;
  std::vector<NamedLogprobs> prompt_logprobs_;
  std::vector<ToolCallPart> calls_;
  std::size_t offset_ = 0;  // characters of the logprobs' names told so far
};

}  // namespace sluice::worker
