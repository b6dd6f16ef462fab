#include "backends/worker/api/generation.h"

#include <utility>

#include "backends/worker/api/reply.h"

namespace sluice::worker {
namespace {

ApiError explain(SubmitStatus status, bool healthy) {
  switch (status) {
    case SubmitStatus::kQueueFull:
      return {503, "ServiceUnavailableError", "Too many requests are waiting. Please try again later.", {}};
    case SubmitStatus::kStopped:
      if (!healthy) return internal_error();
      return {503, "ServiceUnavailableError", "The server is shutting down.", {}};
    case SubmitStatus::kNeverFits:
      return rule_error("The prompt and the requested answer need more than the whole KV cache.");
    case SubmitStatus::kAccepted:
    case SubmitStatus::kEmptyPrompt:
    case SubmitStatus::kPromptTooLong:
    case SubmitStatus::kTokenOutOfVocabulary:
    case SubmitStatus::kBadLimits:
      break;  // checked before
  }
  return rule_error("The engine refused the request.");
}

}  // namespace

Generation::Generation(const GenerationServices& services, const GenerationPlan& plan,
                       Duration submitted_after)
    : services_(services),
      channel_(services.mailbox.open()),
      shown_(!plan.only_echo),
      text_(services.model.tokenizer, plan.fields.text, services.model.eos_token),
      times_(services.metrics, submitted_after),
      prompt_tokens_(plan.prompt.size()),
      max_tokens_(plan.max_tokens) {
  Request request;
  request.id = id_ = services.generator.new_id();
  request.prompt = plan.prompt;
  request.max_tokens = plan.max_tokens;
  request.min_tokens = plan.fields.text.min_tokens;
  request.ignore_eos = plan.fields.ignore_eos;
  request.stop_token_ids = plan.fields.stop_token_ids;
  request.sink = channel_;
  const SubmitStatus status = services.generator.submit(std::move(request));
  if (status == SubmitStatus::kAccepted) return;
  engine_done_ = true;
  refusal_ = explain(status, services.generator.healthy());
}

Generation::~Generation() {
  if (!engine_done_) services_.generator.abort(id_);
}

Task<bool> Generation::advance(std::string& text, TokenIds& ids) {
  const TokenBatch batch = co_await channel_->next();
  engine_done_ = batch.finish != FinishReason::kNone;
  if (batch.finish == FinishReason::kError) {
    services_.metrics.failed();
    co_return false;
  }
  std::string hidden;
  const std::size_t mine = text_.accept(batch.tokens, batch.finish, batch.stop_token, shown_ ? text : hidden);
  if (shown_)
    ids.insert(ids.end(), batch.tokens.begin(), batch.tokens.begin() + static_cast<std::ptrdiff_t>(mine));
  times_.tokens(batch, mine);
  if (!text_.ended()) co_return true;
  times_.ended(batch.times, text_.ending()->finish_reason, static_cast<std::int64_t>(prompt_tokens_),
               text_.tokens(), max_tokens_);
  // A stop string ends the answer, the engine does not know of it.
  if (!std::exchange(engine_done_, true)) services_.generator.abort(id_);
  co_return true;
}

namespace {

// One answer as a body: nothing is said before the last token.
Task<Result<void>> answer_whole(Generation& generation, const AnswerFormat& format,
                                const GenerationPlan& plan, ServerStream& stream) {
  std::string text = plan.echo;
  TokenIds ids;
  while (!generation.ending()) {
    if (!co_await generation.advance(text, ids)) co_return co_await reply(stream.client, internal_error());
  }
  AnswerPart part{.text = text, .ending = &*generation.ending(), .usage = generation.usage()};
  if (plan.fields.return_token_ids) {
    part.prompt_token_ids = &plan.prompt;
    part.token_ids = &ids;
  }
  co_return co_await reply(stream.client, 200, kJsonType, format.whole(plan.identity, part));
}

// One answer as a stream of events: a frame for all the tokens that arrived while the last was written.
class EventStream {
 public:
  EventStream(Generation& generation, const AnswerFormat& format, const GenerationPlan& plan,
              ResponseWriter& client)
      : generation_(generation), format_(format), plan_(plan), client_(client), text_(plan.echo) {}

  Task<Result<void>> run() {
    ResponseHead head;
    head.headers.add(HeaderId::kContentType, "text/event-stream; charset=utf-8");
    if (Result<void> sent = co_await client_.start(std::move(head)); !sent) co_return sent;
    if (Result<void> sent = co_await client_.flush(); !sent) co_return sent;
    while (!generation_.ending()) {
      if (!co_await generation_.advance(text_, ids_)) {
        append_error_frame(internal_error(), frames_);
        break;
      }
      append_frames();
      if (generation_.ending()) break;
      if (Result<void> sent = co_await client_.write(frames_); !sent) co_return sent;
      frames_.clear();
      text_.clear();
      ids_.clear();
    }
    frames_ += kStreamEnd;
    co_return co_await client_.finish(frames_);
  }

 private:
  void append_frames() {
    const GenerationFields& fields = plan_.fields;
    AnswerPart part{.text = text_};
    if (fields.continuous_usage) part.usage = generation_.usage();
    if (fields.return_token_ids) part.token_ids = &ids_;
    if (!std::exchange(opened_, true)) {
      if (fields.return_token_ids) part.prompt_token_ids = &plan_.prompt;
      format_.opening(plan_.identity, part, frames_);
    }
    if (generation_.ending()) part.ending = &*generation_.ending();
    format_.frame(plan_.identity, part, !fields.include_usage, frames_);
    if (part.ending != nullptr && fields.include_usage) {
      format_.usage_frame(plan_.identity, generation_.usage(), frames_);
    }
  }

  Generation& generation_;
  const AnswerFormat& format_;
  const GenerationPlan& plan_;
  ResponseWriter& client_;
  std::string text_;
  TokenIds ids_;
  std::string frames_;
  bool opened_ = false;
};

}  // namespace

Task<Result<void>> answer(const GenerationServices& services, const AnswerFormat& format, GenerationPlan plan,
                          ServerStream& stream, Duration submitted_after) {
  Generation generation(services, plan, submitted_after);
  if (generation.refusal()) co_return co_await reply(stream.client, *generation.refusal());
  if (!plan.fields.stream) co_return co_await answer_whole(generation, format, plan, stream);
  EventStream events(generation, format, plan, stream.client);
  co_return co_await events.run();
}

}  // namespace sluice::worker
