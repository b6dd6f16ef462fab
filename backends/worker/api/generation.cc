#include "backends/worker/api/generation.h"

#include <algorithm>
#include <string>
#include <utility>

#include "backends/worker/api/reply.h"

namespace sluice::worker {

Generation::Generation(const GenerationServices& services, const GenerationPlan& plan,
                       Duration submitted_after)
    : services_(services),
      plan_(plan),
      count_(plan.prompts.size() * static_cast<std::size_t>(plan.n)),
      submission_(services.generator, services.mailbox, count_),
      open_answers_(plan.prompts.size(), plan.n) {
  std::vector<Request> requests;
  for (std::size_t i = 0; i < count_; ++i)
    requests.push_back(request_for(i));
  refusal_ = submission_.submit(std::move(requests));
  if (refusal_) return;
  open_ = count_;
  for (std::size_t i = 0; i < count_; ++i) {
    choices_.emplace_back(services.model, services.metrics, plan.style,
                          plan.prompts[i / static_cast<std::size_t>(plan.n)], static_cast<std::int32_t>(i),
                          submitted_after);
  }
}

Request Generation::request_for(std::size_t index) const {
  const PlannedPrompt& prompt = plan_.prompts[index / static_cast<std::size_t>(plan_.n)];
  Request request = plan_.request;
  request.prompt = prompt.tokens;
  request.max_tokens = prompt.max_tokens;
  // Each answer to a prompt draws numbers of its own.
  if (request.seed) *request.seed += index % static_cast<std::size_t>(plan_.n);
  return request;
}

Task<std::vector<Choice*>> Generation::advance() {
  std::vector<Choice*> changed;
  while (changed.empty()) {
    std::vector<TokenBatch> batches = co_await submission_.next();
    const auto& fail_after = services_.faults.fail_after;
    if (fail_after && tokens() >= *fail_after) co_return std::vector<Choice*>();
    for (TokenBatch& batch : batches) {
      if (batch.finish == FinishReason::kError) {
        services_.metrics.failed();
        co_return std::vector<Choice*>();
      }
      if (Choice* choice = accept(std::move(batch))) changed.push_back(choice);
    }
  }
  co_return changed;
}

// The choice that the news were for; none if it had ended, by a stop string that the engine does not know of.
Choice* Generation::accept(TokenBatch batch) {
  const std::size_t index = batch.index;
  Choice& choice = choices_[index];
  if (choice.ended()) return nullptr;
  choice.accept(std::move(batch));
  if (choice.ended()) {
    count_end(index);
    submission_.abort(index);
  }
  return &choice;
}

void Generation::count_end(std::size_t index) {
  --open_;
  const auto n = static_cast<std::size_t>(plan_.n);
  const std::size_t prompt = index / n;
  if (--open_answers_[prompt] > 0) return;
  std::int32_t longest = 0;
  for (std::size_t i = prompt * n; i < (prompt + 1) * n; ++i)
    longest = std::max(longest, choices_[i].tokens());
  services_.metrics.prompt_answered(plan_.n, longest);
}

std::int64_t Generation::tokens() const {
  std::int64_t tokens = 0;
  for (const Choice& choice : choices_)
    tokens += choice.tokens();
  return tokens;
}

Usage Generation::usage() const {
  Usage usage{.completion = tokens() + services_.faults.extra_usage};
  for (const PlannedPrompt& prompt : plan_.prompts)
    usage.prompt += static_cast<std::int64_t>(prompt.tokens->size());
  std::int64_t cached = 0;
  for (std::size_t i = 0; i < choices_.size(); ++i) {
    if (i % static_cast<std::size_t>(plan_.n) == 0) cached += choices_[i].cached_tokens();
  }
  if (plan_.tells_cached) usage.cached = cached;
  return usage;
}

namespace {

// All answers as one body: nothing is said before the last token.
Task<Result<void>> answer_whole(Generation& generation, const AnswerFormat& format,
                                const GenerationPlan& plan, ServerStream& stream) {
  while (!generation.ended()) {
    const std::vector<Choice*> changed = co_await generation.advance();
    if (changed.empty()) co_return co_await reply(stream.client, internal_error());
  }
  std::vector<AnswerPart> parts;
  for (const Choice& choice : generation.choices())
    parts.push_back(choice.part());
  co_return co_await reply(stream.client, 200, kJsonType,
                           format.whole(plan.identity, parts, generation.usage()));
}

// The answers as a stream of events: a frame for all the tokens of an answer that arrived while the last was
// written.
class EventStream {
 public:
  EventStream(Generation& generation, const AnswerFormat& format, const GenerationPlan& plan,
              ResponseWriter& client)
      : generation_(generation), format_(format), plan_(plan), client_(client) {}

  Task<Result<void>> run() {
    ResponseHead head;
    head.headers.add(HeaderId::kContentType, "text/event-stream; charset=utf-8");
    if (Result<void> sent = co_await client_.start(std::move(head)); !sent) co_return sent;
    if (Result<void> sent = co_await client_.flush(); !sent) co_return sent;
    while (!generation_.ended()) {
      const std::vector<Choice*> changed = co_await generation_.advance();
      if (changed.empty()) {
        append_error_frame(internal_error(), frames_);
        frames_ += kStreamEnd;
        co_return co_await client_.finish(frames_);
      }
      for (Choice* choice : changed)
        append_frames(*choice);
      if (generation_.ended()) break;
      if (frames_.empty()) continue;
      if (Result<void> sent = co_await client_.write(frames_); !sent) co_return sent;
      frames_.clear();
    }
    if (plan_.include_usage) format_.usage_frame(plan_.identity, generation_.usage(), frames_);
    frames_ += kStreamEnd;
    co_return co_await client_.finish(frames_);
  }

 private:
  void append_frames(Choice& choice) {
    AnswerPart part = choice.part();
    const bool is_first = choice.new_tokens() == choice.tokens();
    if (!is_first && part.ending == nullptr && choice.new_tokens() < plan_.stream_interval) return;
    // What may become a tool call is held back without a word.
    if (!is_first && !choice.has_news()) return;
    if (plan_.continuous_usage) {
      const auto prompt = static_cast<std::size_t>(part.index / plan_.n);
      part.usage = Usage{static_cast<std::int64_t>(plan_.prompts[prompt].tokens->size()), choice.tokens()};
    }
    if (is_first) format_.opening(plan_.identity, part, frames_);
    if (part.tool_calls != nullptr) append_all_but_last_call(part);
    format_.frame(plan_.identity, part, !plan_.include_usage, frames_);
    choice.clear();
  }

  // A frame for each part of a call: clients take a call's id from a frame without arguments.
  void append_all_but_last_call(AnswerPart& part) {
    calls_ = *part.tool_calls;
    const ToolCallPart last = std::move(calls_.back());
    calls_.pop_back();
    std::vector<ToolCallPart> one(1);
    for (ToolCallPart& call : calls_) {
      one.front() = std::move(call);
      format_.frame(plan_.identity, {.index = part.index, .text = part.text, .tool_calls = &one}, true,
                    frames_);
      part.text = {};
    }
    calls_ = {last};
    part.tool_calls = &calls_;
  }

  Generation& generation_;
  const AnswerFormat& format_;
  const GenerationPlan& plan_;
  ResponseWriter& client_;
  std::vector<ToolCallPart> calls_;  // of the frame that is written
  std::string frames_;
};

}  // namespace

Task<Result<void>> answer(const GenerationServices& services, const AnswerFormat& format, GenerationPlan plan,
                          ServerStream& stream, Duration submitted_after) {
  Generation generation(services, plan, submitted_after);
  if (generation.refusal()) co_return co_await reply(stream.client, *generation.refusal());
  if (!plan.stream) co_return co_await answer_whole(generation, format, plan, stream);
  EventStream events(generation, format, plan, stream.client);
  co_return co_await events.run();
}

}  // namespace sluice::worker
