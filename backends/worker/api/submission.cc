#include "backends/worker/api/submission.h"

#include <utility>

#include "backends/worker/api/plan_limits.h"

namespace sluice::worker {
namespace {

ApiError explain(SubmitStatus status, bool healthy) {
  switch (status) {
    case SubmitStatus::kQueueFull:
      return queue_full();
    case SubmitStatus::kStopped:
      if (!healthy) return internal_error();
      return shutting_down();
    case SubmitStatus::kNeverFits:
      return rule_error("The request needs more than the whole KV cache.");
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

Submission::Submission(Generator& generator, TokenMailbox& mailbox, std::size_t count)
    : generator_(generator), first_id_(generator.new_ids(count)), channel_(mailbox.open(first_id_, count)) {}

Submission::~Submission() {
  for (std::size_t i = 0; i < ended_.size(); ++i)
    abort(i);
}

std::optional<ApiError> Submission::submit(std::vector<Request> requests) {
  const std::size_t count = requests.size();
  for (std::size_t i = 0; i < count; ++i) {
    requests[i].id = first_id_ + i;
    requests[i].sink = channel_;
  }
  const SubmitStatus status = generator_.submit(std::move(requests));
  if (status != SubmitStatus::kAccepted) return explain(status, generator_.healthy());
  ended_.resize(count);
  return std::nullopt;
}

Task<std::vector<TokenBatch>> Submission::next() {
  std::vector<TokenBatch> batches = co_await channel_->next();
  for (const TokenBatch& batch : batches) {
    if (batch.finish != FinishReason::kNone) ended_[batch.index] = true;
  }
  co_return batches;
}

void Submission::abort(std::size_t index) {
  if (!ended_[index]) generator_.abort(first_id_ + index);
  ended_[index] = true;
}

}  // namespace sluice::worker
