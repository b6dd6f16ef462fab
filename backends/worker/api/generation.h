#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "backends/worker/api/answer_format.h"
#include "backends/worker/api/api_request.h"
#include "backends/worker/api/generator.h"
#include "backends/worker/api/served_model.h"
#include "backends/worker/api/token_mailbox.h"
#include "backends/worker/api/worker_metrics.h"
#include "gateway/http/stream.h"

namespace sluice::worker {

// What every generation shares. All of it outlives them.
struct GenerationServices {
  const ServedModel& model;
  Generator& generator;
  TokenMailbox& mailbox;
  WorkerMetrics& metrics;
};

// A request for an answer that passed every check, ready for the engine.
struct GenerationPlan {
  AnswerIdentity identity;
  GenerationFields fields;
  TokenIds prompt;
  std::int32_t max_tokens = 0;
  std::string echo;        // goes in front of the answer
  bool only_echo = false;  // the answer itself is not shown
};

// One answer under way: submitted to the engine when it is made, aborted there when it is destroyed before
// its end, which is what happens when the client leaves. Threads: the loop's.
class Generation {
 public:
  // `submitted_after`: how long ago the request arrived.
  Generation(const GenerationServices& services, const GenerationPlan& plan, Duration submitted_after);
  ~Generation();
  Generation(const Generation&) = delete;
  Generation& operator=(const Generation&) = delete;

  // Why the engine refused it, if it did: then nothing else may be called.
  const std::optional<ApiError>& refusal() const noexcept { return refusal_; }

  // Suspends for the next tokens and appends their text to `text` and themselves to `ids`. False: the engine
  // failed.
  Task<bool> advance(std::string& text, TokenIds& ids);

  const std::optional<Ending>& ending() const noexcept { return text_.ending(); }
  Usage usage() const noexcept { return {static_cast<std::int64_t>(prompt_tokens_), text_.tokens()}; }

 private:
  GenerationServices services_;
  RequestId id_ = 0;
  std::shared_ptr<TokenChannel> channel_;
  bool shown_;
  AnswerText text_;
  WorkerMetrics::Request times_;
  std::size_t prompt_tokens_;
  std::int32_t max_tokens_;
  bool engine_done_ = false;
  std::optional<ApiError> refusal_;
};

// Answers the plan's request in the format's words, as one body or as a stream of events.
Task<Result<void>> answer(const GenerationServices& services, const AnswerFormat& format, GenerationPlan plan,
                          ServerStream& stream, Duration submitted_after);

}  // namespace sluice::worker
