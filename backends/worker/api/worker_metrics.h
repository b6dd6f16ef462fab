#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "backends/worker/api/token_mailbox.h"
#include "backends/worker/engine/engine.h"
#include "gateway/base/metrics.h"
#include "gateway/runtime/time_source.h"

namespace sluice::worker {

// The worker's figures under vLLM's names. Threads: the loop's only, text() too.
class WorkerMetrics {
 public:
  // `model_name` labels every series, together with engine="0".
  WorkerMetrics(std::string_view model_name, const EngineOptions& options);

  // Times of one request, told as they become known. Waiting in the API counts: `submitted_after` is how long
  // after the request's arrival the engine got it.
  class Request {
   public:
    Request(WorkerMetrics& metrics, Duration submitted_after) noexcept
        : metrics_(metrics), submitted_after_(submitted_after) {}

    // The next `count` tokens of the batch belong to the answer.
    void tokens(const TokenBatch& batch, std::size_t count);
    // The answer has ended; not called for one whose client left.
    void ended(const RequestTimes& times, std::string_view finish_reason, std::int64_t prompt_tokens,
               std::int64_t generated, std::int64_t max_tokens);

   private:
    WorkerMetrics& metrics_;
    Duration submitted_after_;
    bool began_ = false;
    TimePoint last_{};
  };

  // The engine failed on a request.
  void failed() { failed_.add(); }

  // The scrape's text, with the engine's own figures of now.
  std::string text(const EngineStats& stats);

 private:
  Labels labels(std::string_view name = {}, std::string_view value = {}) const;
  Histogram& seconds(std::string_view name, std::string_view help, std::span<const double> bounds);

  std::string model_;
  Metrics metrics_;
  Counter& stopped_;
  Counter& reached_length_;
  Counter& aborted_;
  Counter& failed_;
  Histogram& first_token_;
  Histogram& token_gap_;
  Histogram& per_token_;
  Histogram& whole_;
  Histogram& queue_;
  Histogram& inference_;
  Histogram& prefill_;
  Histogram& decode_;
  Histogram& prompt_size_;
  Histogram& answer_size_;
  Histogram& max_tokens_;
};

}  // namespace sluice::worker
