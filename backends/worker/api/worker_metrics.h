#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>

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
    // Tokens of one answer.
    struct Sizes {
      std::int64_t prompt = 0;
      std::int64_t cached = 0;  // of the prompt
      std::int64_t generated = 0;
      std::int64_t max_tokens = 0;  // 0: a prompt that was only read
    };
    // The answer has ended; not called for one whose client left.
    void ended(const RequestTimes& times, std::string_view finish_reason, const Sizes& sizes);

   private:
    WorkerMetrics& metrics_;
    Duration submitted_after_;
    bool began_ = false;
    TimePoint last_{};
  };

  // All `n` answers to a prompt have ended, the longest of so many tokens.
  void prompt_answered(std::int32_t n, std::int32_t longest);

  // An HTTP request was answered, its last byte so long after its head; `status` 0: its client left before.
  void http_answered(std::string_view handler, std::string_view method, int status, Duration took);

  // The engine failed on a request.
  void failed() { failed_.add(); }

  // The scrape's text, with the engine's own figures of now.
  std::string text(const EngineStats& stats);

 private:
  void copy_totals(const EngineStats& stats);
  // What is counted of the HTTP requests of one kind.
  struct HttpSeries {
    Histogram* duration = nullptr;
    std::array<Counter*, 6> answered{};  // by the status's first digit
  };
  HttpSeries& http_series(std::string_view handler, std::string_view method);
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
  Histogram& computed_prompt_size_;
  Histogram& max_tokens_;
  Histogram& longest_answer_;
  Histogram& answers_;
  Histogram& http_duration_;
  std::map<std::pair<std::string, std::string>, HttpSeries> http_;  // by handler and method
};

}  // namespace sluice::worker
