#include "backends/worker/api/choice.h"

#include <algorithm>
#include <utility>

#include "gateway/llm/text/utf8.h"

namespace sluice::worker {

Choice::Choice(const ServedModel& model, WorkerMetrics& metrics, const AnswerStyle& style,
               const PlannedPrompt& prompt, std::int32_t index, Duration submitted_after)
    : tokenizer_(model.tokenizer),
      style_(style),
      prompt_(prompt),
      index_(index),
      text_(model.tokenizer, style.text, model.eos_token),
      logprob_text_(model.tokenizer, style.tokens_as_ids),
      times_(metrics, submitted_after),
      new_text_(prompt.echo) {}

void Choice::accept(TokenBatch batch) {
  cached_tokens_ = batch.cached_tokens;
  if (!batch.prompt_logprobs.empty()) accept_prompt_logprobs(batch.prompt_logprobs);
  std::string hidden;
  const std::size_t mine =
      text_.accept(batch.tokens, batch.finish, batch.stop_token, style_.only_echo ? hidden : new_text_);
  times_.tokens(batch, mine);
  if (!style_.only_echo) {
    ids_.insert(ids_.end(), batch.tokens.begin(), batch.tokens.begin() + static_cast<std::ptrdiff_t>(mine));
    for (std::size_t i = 0; i < std::min(mine, batch.logprobs.size()); ++i)
      logprobs_.push_back(logprob_text_.push(batch.logprobs[i]));
  }
  if (!text_.ended()) return;
  times_.ended(batch.times, text_.ending()->finish_reason,
               {.prompt = static_cast<std::int64_t>(prompt_.tokens->size()),
                .cached = cached_tokens_,
                .generated = text_.tokens(),
                .max_tokens = prompt_.max_tokens});
}

// Nothing is known of the first token: nothing stands before it.
void Choice::accept_prompt_logprobs(const std::vector<TokenLogprobs>& positions) {
  LogprobText names(tokenizer_, style_.tokens_as_ids);
  std::vector<NamedLogprobs> named;
  const std::int32_t first = prompt_.tokens->front();
  named.push_back({NamedLogprob{.token = first, .text = names.push(first)}});
  for (const TokenLogprobs& position : positions)
    named.push_back(names.push(position));
  if (style_.echoes_logprobs) logprobs_.insert(logprobs_.begin(), named.begin(), named.end());
  if (style_.with_prompt_logprobs) prompt_logprobs_ = std::move(named);
}

AnswerPart Choice::part() const {
  AnswerPart part{.index = index_, .text = new_text_, .text_offset = offset_};
  if (style_.with_token_ids) {
    if (is_first_) part.prompt_token_ids = prompt_.tokens.get();
    part.token_ids = &ids_;
  }
  if (style_.with_logprobs) part.logprobs = &logprobs_;
  if (style_.with_prompt_logprobs && is_first_) part.prompt_logprobs = &prompt_logprobs_;
  if (text_.ending()) part.ending = &*text_.ending();
  return part;
}

void Choice::clear() {
  for (const NamedLogprobs& position : logprobs_)
    offset_ += text::count_code_points(position.front().text);
  is_first_ = false;
  told_ = text_.tokens();
  new_text_.clear();
  ids_.clear();
  logprobs_.clear();
  prompt_logprobs_.clear();
}

}  // namespace sluice::worker
