#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "backends/worker/api/answer_format.h"
#include "backends/worker/api/api_faults.h"
#include "backends/worker/api/choice.h"
#include "backends/worker/api/generator.h"
#include "backends/worker/api/served_model.h"
#include "backends/worker/api/submission.h"
#include "backends/worker/api/worker_metrics.h"
#include "gateway/http/stream.h"

namespace sluice::worker {

// What every generation shares. All of it outlives them.
struct GenerationServices {
  const ServedModel& model;
  Generator& generator;
  TokenMailbox& mailbox;
  WorkerMetrics& metrics;
  const ApiFaults& faults;
};

// A request for answers that passed every check, ready for the engine. Answer i is the one to prompt i / n.
struct GenerationPlan {
  AnswerIdentity identity;
  std::vector<PlannedPrompt> prompts;
  std::int32_t n = 1;
  Request request;  // what all answers have in common
  AnswerStyle style;
  bool stream = false;
  bool include_usage = false;
  bool continuous_usage = false;
  bool tells_cached = false;  // usage says how much of the prompts was cached
  std::int64_t stream_interval = 1;
};

// The answers to one request under way. Threads: the loop's.
class Generation {
 public:
  // `plan` outlives it. `submitted_after`: how long ago the request arrived.
  Generation(const GenerationServices& services, const GenerationPlan& plan, Duration submitted_after);
  // Why the engine refused it, if it did: then nothing else may be called.
  const std::optional<ApiError>& refusal() const noexcept { return refusal_; }

  // Suspends for the engine's next news and hands them to the choices; returns those that had some. None: the
  // engine failed. Not to be called once all have ended.
  Task<std::vector<Choice*>> advance();

  bool ended() const noexcept { return open_ == 0; }
  const std::deque<Choice>& choices() const noexcept { return choices_; }
  Usage usage() const;

 private:
  Request request_for(std::size_t index) const;
  Choice* accept(TokenBatch batch);
  void count_end(std::size_t index);
  std::int64_t tokens() const;

  GenerationServices services_;
  const GenerationPlan& plan_;
  std::size_t count_;
  Submission submission_;
  std::deque<Choice> choices_;
  std::size_t open_ = 0;
  std::vector<std::int32_t> open_answers_;  // of each prompt
  std::optional<ApiError> refusal_;
};

// Answers the plan's request in the format's words, as one body or as a stream of events.
Task<Result<void>> answer(const GenerationServices& services, const AnswerFormat& format, GenerationPlan plan,
                          ServerStream& stream, Duration submitted_after);

}  // namespace sluice::worker
