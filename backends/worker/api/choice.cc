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
  const bool tells_prompt = style_.with_prompt_logprobs || style_.echoes_logprobs;
  if (tells_prompt && text_.tokens() == 0 && !batch.tokens.empty())
    accept_prompt_logprobs(batch.prompt_logprobs);
  std::string text;
  const std::size_t mine = text_.accept(batch.tokens, batch.finish, batch.stop_token, text);
  if (!style_.only_echo) accept_text(text);
  times_.tokens(batch, mine);
  if (!style_.only_echo) {
    ids_.insert(ids_.end(), batch.tokens.begin(), batch.tokens.begin() + static_cast<std::ptrdiff_t>(mine));
    for (std::size_t i = 0; i < std::min(mine, batch.logprobs.size()); ++i)
      logprobs_.push_back(logprob_text_.push(batch.logprobs[i]));
  }
  if (!text_.ended()) return;
  ending_ = text_.ending();
  if (has_calls_) ending_->finish_reason = "tool_calls";
  times_.ended(batch.times, text_.ending()->finish_reason,
               {.prompt = static_cast<std::int64_t>(prompt_.tokens->size()),
                .cached = cached_tokens_,
                .generated = text_.tokens(),
                .max_tokens = prompt_.max_tokens});
}

void Choice::accept_text(std::string_view text) {
  if (style_.tools == ToolReading::kStreamed) {
    ToolDelta delta;
    tool_calls_.push(text, delta);
    if (text_.ended()) tool_calls_.finish(delta);
    new_text_ += delta.content;
    for (ToolCallDelta& call : delta.calls)
      add_call(call.index, call.name ? &*call.name : nullptr, std::move(call.arguments));
    return;
  }
  new_text_ += text;
  if (style_.tools == ToolReading::kNone || !text_.ended()) return;
  ToolAnswer answer = parse_hermes_tool_calls(new_text_);
  new_text_ = std::move(answer.content);
  for (std::size_t i = 0; i < answer.calls.size(); ++i)
    add_call(i, &answer.calls[i].name, std::move(answer.calls[i].arguments));
}

// `name` where the call begins.
void Choice::add_call(std::size_t index, const std::string* name, std::string arguments) {
  if (style_.only_first_call && index > 0) return;
  has_calls_ = true;
  ToolCallPart& call = calls_.emplace_back();
  call.index = index;
  if (name != nullptr) {
    call.id = "chatcmpl-tool-" + style_.fresh_id();
    call.name = *name;
  }
  call.arguments = std::move(arguments);
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
  if (!calls_.empty()) part.tool_calls = &calls_;
  if (ending_) part.ending = &*ending_;
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
  calls_.clear();
}

}  // namespace sluice::worker
