#include "backends/worker/api/worker_metrics.h"

#include <fmt/format.h>

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

// Those of the instrumentator that vLLM's HTTP metrics come from.
constexpr double kHttp[] = {0.1, 0.5, 1};
constexpr double kHttpFine[] = {0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1,  1.5, 2,
                                2.5,  3,     3.5,  4,     4.5, 5,    7.5, 10,   30, 60};
constexpr double kAnswers[] = {1, 2, 5, 10, 20};

constexpr std::string_view kRunning = "vllm:num_requests_running";
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

std::string python_bool(bool value) {
  return value ? "True" : "False";
}

// The labels that every series has, as the exposition writes them.
std::string labels_text(const Metrics& metrics) {
  const Metrics::Snapshot families = metrics.families();
  const auto family = std::ranges::find(families, kRunning, &Metrics::FamilyView::name);
  return std::string(family->series.front().labels);
}

// The steps' histogram, which the engine keeps.
std::string step_sizes_text(const StepSizes& sizes, std::string_view labels) {
  constexpr std::string_view kName = "vllm:iteration_tokens_total";
  std::string text = fmt::format(
      "# HELP {} Tokens of prompts computed and tokens generated in a step.\n# TYPE {} histogram\n", kName,
      kName);
  std::uint64_t count = 0;
  for (std::size_t i = 0; i < sizes.steps.size(); ++i) {
    count += sizes.steps[i];
    const std::string bound = i < StepSizes::kBounds.size() ? std::to_string(StepSizes::kBounds[i]) : "+Inf";
    text += fmt::format("{}_bucket{{{},le=\"{}\"}} {}\n", kName, labels, bound, count);
  }
  text += fmt::format("{}_sum{{{}}} {}\n", kName, labels, sizes.tokens);
  text += fmt::format("{}_count{{{}}} {}\n", kName, labels, count);
  return text;
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
      computed_prompt_size_(metrics_.histogram("vllm:request_prefill_kv_computed_tokens",
                                               "Tokens of a prompt that were not cached.", labels(),
                                               size_bounds(options.max_model_len))),
      max_tokens_(metrics_.histogram("vllm:request_params_max_tokens", "What an answer might have had.",
                                     labels(), size_bounds(options.max_model_len))),
      longest_answer_(metrics_.histogram("vllm:request_max_num_generation_tokens",
                                         "Tokens of the longest answer to a prompt.", labels(),
                                         size_bounds(options.max_model_len))),
      answers_(metrics_.histogram("vllm:request_params_n", "Answers to a prompt.", labels(), kAnswers)),
      http_duration_(metrics_.histogram("http_request_duration_highr_seconds",
                                        "HTTP requests, in many buckets and without labels.", {},
                                        kHttpFine)) {
  metrics_.counter(kSuccess, kSuccessHelp, labels("finished_reason", "repetition"));
  metrics_
      .gauge("vllm:cache_config_info", "Always 1; the KV cache's shape is in the labels.",
             {{"engine", "0"},
              {"block_size", std::to_string(options.block_size)},
              {"num_gpu_blocks", std::to_string(options.kv_blocks)},
              {"kv_cache_size_tokens", std::to_string(std::int64_t{options.kv_blocks} * options.block_size)},
              {"cache_dtype", "auto"},
              {"enable_prefix_caching", python_bool(options.prefix_caching)},
              {"prefix_caching_hash_algo", "sha256_cbor"}})
      .set(1);
  for (const std::string_view state : {"awake", "weights_offloaded", "discard_all"}) {
    metrics_
        .gauge("vllm:engine_sleep_state", "1 for the state that the engine is in.",
               labels("sleep_state", state))
        .set(state == "awake" ? 1 : 0);
  }
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
                                   const Sizes& sizes) {
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
  metrics_.per_token_.observe(
      sizes.generated > 1 ? to_seconds(decode) / static_cast<double>(sizes.generated - 1) : 0);
  metrics_.prompt_size_.observe(static_cast<double>(sizes.prompt));
  metrics_.computed_prompt_size_.observe(static_cast<double>(sizes.prompt - sizes.cached));
  metrics_.answer_size_.observe(static_cast<double>(sizes.generated));
  if (sizes.max_tokens > 0) metrics_.max_tokens_.observe(static_cast<double>(sizes.max_tokens));
}

void WorkerMetrics::prompt_answered(std::int32_t n, std::int32_t longest) {
  answers_.observe(n);
  longest_answer_.observe(longest);
}

WorkerMetrics::HttpSeries& WorkerMetrics::http_series(std::string_view handler, std::string_view method) {
  const auto [found, is_new] = http_.try_emplace({std::string(handler), std::string(method)});
  if (is_new) {
    found->second.duration =
        &metrics_.histogram("http_request_duration_seconds", "HTTP requests, by what was asked.",
                            {{"handler", std::string(handler)}, {"method", std::string(method)}}, kHttp);
  }
  return found->second;
}

void WorkerMetrics::http_answered(std::string_view handler, std::string_view method, int status,
                                  Duration took) {
  if (status == 0) return;
  HttpSeries& series = http_series(handler, method);
  const int digit = status / 100;
  Counter*& answered = series.answered[static_cast<std::size_t>(digit)];
  if (answered == nullptr) {
    answered = &metrics_.counter("http_requests_total", "HTTP requests that were answered.",
                                 {{"handler", std::string(handler)},
                                  {"method", std::string(method)},
                                  {"status", fmt::format("{}xx", digit)}});
  }
  answered->add();
  series.duration->observe(to_seconds(took));
  http_duration_.observe(to_seconds(took));
}

// The old names are what routers of earlier vLLMs still read.
void WorkerMetrics::copy_totals(const EngineStats& stats) {
  const auto gauge = [&](std::string_view name, std::string_view help, double value) {
    metrics_.gauge(name, help, labels()).set(value);
  };
  const auto counter = [&](std::string_view name, std::string_view help, std::uint64_t total) {
    metrics_.counter(name, help, labels()).raise_to(total);
  };
  const SchedulerStats& scheduler = stats.scheduler;
  gauge(kRunning, "Sequences being computed.", scheduler.running);
  gauge("vllm:num_requests_waiting", "Requests waiting to be computed.", scheduler.waiting);
  const auto by_reason = [&](std::string_view reason, double value) {
    metrics_
        .gauge("vllm:num_requests_waiting_by_reason", "Requests waiting to be computed, by why.",
               labels("reason", reason))
        .set(value);
  };
  by_reason("capacity", scheduler.waiting);
  by_reason("deferred", 0);
  const auto capacity = static_cast<double>(std::max<std::int64_t>(stats.kv_capacity_tokens, 1));
  const double usage = static_cast<double>(stats.kv_used_tokens) / capacity;
  gauge("vllm:kv_cache_usage_perc", "Used share of the KV cache, 0 to 1.", usage);
  gauge("vllm:gpu_cache_usage_perc", "Old name of vllm:kv_cache_usage_perc.", usage);

  counter("vllm:prefix_cache_queries_total", "Tokens looked up in the prefix cache.",
          scheduler.prefix_queries);
  counter("vllm:prefix_cache_hits_total", "Tokens found in the prefix cache.", scheduler.prefix_hits);
  counter("vllm:gpu_prefix_cache_queries_total", "Old name of vllm:prefix_cache_queries_total.",
          scheduler.prefix_queries);
  counter("vllm:gpu_prefix_cache_hits_total", "Old name of vllm:prefix_cache_hits_total.",
          scheduler.prefix_hits);
  gauge("vllm:gpu_prefix_cache_hit_rate", "Hits of the prefix cache for each token looked up.",
        scheduler.prefix_queries == 0
            ? 0
            : static_cast<double>(scheduler.prefix_hits) / static_cast<double>(scheduler.prefix_queries));

  counter("vllm:prompt_tokens_total", "Tokens of prompts that were computed or found in the cache.",
          scheduler.prompt_tokens);
  counter("vllm:prompt_tokens_cached_total", "Tokens of prompts that were found in the cache.",
          scheduler.cached_prompt_tokens);
  const auto by_source = [&](std::string_view source, std::uint64_t total) {
    metrics_
        .counter("vllm:prompt_tokens_by_source_total",
                 "Tokens of prompts, by where their keys and values came from.", labels("source", source))
        .raise_to(total);
  };
  by_source("local_compute", scheduler.prompt_tokens - scheduler.cached_prompt_tokens);
  by_source("local_cache_hit", scheduler.cached_prompt_tokens);
  by_source("external_kv_transfer", 0);
  counter("vllm:generation_tokens_total", "Tokens that were generated.", scheduler.generated_tokens);
  counter("vllm:num_preemptions_total", "Running sequences that lost their place.", scheduler.preemptions);
}

std::string WorkerMetrics::text(const EngineStats& stats) {
  copy_totals(stats);
  const Metrics* const all[] = {&metrics_};
  return render_prometheus(all) + step_sizes_text(stats.step_sizes, labels_text(metrics_));
}

}  // namespace sluice::worker
