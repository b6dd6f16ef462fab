#include "backends/worker/api/worker_metrics.h"

#include <algorithm>
#include <vector>

#include "gateway/base/prometheus_text.h"

namespace sluice::worker {
namespace {

// vLLM's bounds (vllm/v1/metrics), so that its dashboards' quantiles mean the same here.
constexpr double kFirstToken[] = {0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75,
                                  1,     2.5,   5,    7.5,  10,   20,   40,   80,  160,  640, 2560};
constexpr double kTokenGap[] = {0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5,
                                0.75, 1,     2.5,  5,     7.5, 10,   20,  40,  80};
constexpr double kRequest[] = {0.3, 0.5, 0.8, 1,  1.5, 2,   2.5, 5,   10,   15,  20,
                               30,  40,  50,  60, 120, 240, 480, 960, 1920, 7680};

constexpr std::string_view kSuccess = "vllm:request_success_total";
constexpr std::string_view kSuccessHelp = "Requests that were answered, by why the answer ended.";

// 1, 2, 5, 10, 20 … up to the longest context.
std::vector<double> size_bounds(std::int32_t longest) {
  std::vector<double> bounds;
  for (std::int64_t power = 1;; power *= 10) {
    for (const std::int64_t step : {1, 2, 5}) {
      if (step * power > std::max(longest, 1)) return bounds;
      bounds.push_back(static_cast<double>(step * power));
    }
  }
}

double to_seconds(Duration duration) {
  return std::chrono::duration<double>(duration).count();
}

}  // namespace

Labels WorkerMetrics::labels(std::string_view name, std::string_view value) const {
  Labels labels{{"engine", "0"}, {"model_name", model_}};
  if (!name.empty()) labels.emplace_back(name, value);
  return labels;
}

Histogram& WorkerMetrics::seconds(std::string_view name, std::string_view help,
                                  std::span<const double> bounds) {
  return metrics_.histogram(name, help, labels(), bounds);
}

WorkerMetrics::WorkerMetrics(std::string_view model_name, const EngineOptions& options)
    : model_(model_name),
      stopped_(metrics_.counter(kSuccess, kSuccessHelp, labels("finished_reason", "stop"))),
      reached_length_(metrics_.counter(kSuccess, kSuccessHelp, labels("finished_reason", "length"))),
      aborted_(metrics_.counter(kSuccess, kSuccessHelp, labels("finished_reason", "abort"))),
      failed_(metrics_.counter(kSuccess, kSuccessHelp, labels("finished_reason", "error"))),
      first_token_(seconds("vllm:time_to_first_token_seconds",
                           "From the request's arrival to its first token.", kFirstToken)),
      token_gap_(seconds("vllm:inter_token_latency_seconds", "Between two tokens of an answer.", kTokenGap)),
      per_token_(seconds("vllm:request_time_per_output_token_seconds",
                         "Mean time of a request's tokens after the first.", kTokenGap)),
      whole_(seconds("vllm:e2e_request_latency_seconds", "From the request's arrival to its last token.",
                     kRequest)),
      queue_(seconds("vllm:request_queue_time_seconds", "Waiting for the engine.", kRequest)),
      inference_(seconds("vllm:request_inference_time_seconds", "From the first computed step to the last.",
                         kRequest)),
      prefill_(seconds("vllm:request_prefill_time_seconds",
                       "From the first computed step to the first token.", kRequest)),
      decode_(seconds("vllm:request_decode_time_seconds", "From the first token to the last.", kRequest)),
      prompt_size_(metrics_.histogram("vllm:request_prompt_tokens", "Tokens of a prompt.", labels(),
                                      size_bounds(options.max_model_len))),
      answer_size_(metrics_.histogram("vllm:request_generation_tokens", "Tokens of an answer.", labels(),
                                      size_bounds(options.max_model_len))),
      max_tokens_(metrics_.histogram("vllm:request_params_max_tokens", "What an answer might have had.",
                                     labels(), size_bounds(options.max_model_len))) {
  metrics_.counter(kSuccess, kSuccessHelp, labels("finished_reason", "repetition"));
  metrics_
      .gauge("vllm:cache_config_info", "Always 1; the KV cache's shape is in the labels.",
             {{"engine", "0"},
              {"block_size", std::to_string(options.block_size)},
              {"num_gpu_blocks", std::to_string(options.kv_blocks)},
              {"kv_cache_size_tokens", std::to_string(std::int64_t{options.kv_blocks} * options.block_size)},
              {"enable_prefix_caching", "False"}})
      .set(1);
}

void WorkerMetrics::Request::tokens(const TokenBatch& batch, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    const TimePoint at = batch.computed_at[i];
    if (began_) {
      metrics_.token_gap_.observe(to_seconds(at - last_));
    } else {
      metrics_.first_token_.observe(to_seconds(submitted_after_ + (at - batch.times.submitted)));
    }
    began_ = true;
    last_ = at;
  }
}

void WorkerMetrics::Request::ended(const RequestTimes& times, std::string_view finish_reason,
                                   std::int64_t prompt_tokens, std::int64_t generated,
                                   std::int64_t max_tokens) {
  Counter& reason = finish_reason == "stop"     ? metrics_.stopped_
                    : finish_reason == "length" ? metrics_.reached_length_
                                                : metrics_.aborted_;
  reason.add();
  const Duration decode = began_ ? last_ - times.first_token : Duration(0);
  const Duration whole = began_ ? last_ - times.submitted : times.last_token - times.submitted;
  metrics_.whole_.observe(to_seconds(submitted_after_ + whole));
  metrics_.queue_.observe(to_seconds(times.scheduled - times.submitted));
  metrics_.prefill_.observe(to_seconds(times.first_token - times.scheduled));
  metrics_.decode_.observe(to_seconds(decode));
  metrics_.inference_.observe(to_seconds(times.first_token - times.scheduled + decode));
  metrics_.per_token_.observe(generated > 1 ? to_seconds(decode) / static_cast<double>(generated - 1) : 0);
  metrics_.prompt_size_.observe(static_cast<double>(prompt_tokens));
  metrics_.answer_size_.observe(static_cast<double>(generated));
  metrics_.max_tokens_.observe(static_cast<double>(max_tokens));
}

std::string WorkerMetrics::text(const EngineStats& stats) {
  const auto gauge = [&](std::string_view name, std::string_view help, double value) {
    metrics_.gauge(name, help, labels()).set(value);
  };
  const auto counter = [&](std::string_view name, std::string_view help, std::uint64_t total) {
    metrics_.counter(name, help, labels()).raise_to(total);
  };
  gauge("vllm:num_requests_running", "Sequences being computed.", stats.running);
  gauge("vllm:num_requests_waiting", "Requests waiting to be computed.", stats.waiting);
  const auto capacity = static_cast<double>(std::max<std::int64_t>(stats.kv_capacity_tokens, 1));
  gauge("vllm:kv_cache_usage_perc", "Used share of the KV cache, 0 to 1.",
        static_cast<double>(stats.kv_used_tokens) / capacity);
  counter("vllm:prompt_tokens_total", "Tokens of prompts that were computed.", stats.prompt_tokens);
  counter("vllm:generation_tokens_total", "Tokens that were generated.", stats.generated_tokens);
  counter("vllm:num_preemptions_total", "Running sequences that lost their place.", 0);
  const Metrics* const all[] = {&metrics_};
  return render_prometheus(all);
}

}  // namespace sluice::worker
