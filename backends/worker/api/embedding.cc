#include "backends/worker/api/embedding.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include "backends/worker/api/embedding_format.h"
#include "backends/worker/api/plan_limits.h"
#include "backends/worker/api/prompt.h"
#include "backends/worker/api/reply.h"
#include "backends/worker/api/submission.h"

namespace sluice::worker {
namespace {

bool is_finite(const std::vector<float>& numbers) {
  return std::ranges::all_of(numbers, [](float number) { return std::isfinite(number); });
}

std::vector<Request> requests_of(const EmbeddingPlan& plan) {
  std::vector<Request> requests;
  for (const auto& prompt : plan.prompts) {
    requests.push_back(plan.request);
    requests.back().prompt = prompt;
  }
  return requests;
}

}  // namespace

Parsed<std::int32_t> embedding_size(const ServedModel& model, const EmbeddingStyle& style) {
  if (!style.dimensions) return model.hidden_size;
  const std::int64_t wanted = *style.dimensions;
  const auto refused = [&](const std::string& message) {
    return std::unexpected(value_error(message, "dimensions", std::to_string(wanted)));
  };
  if (wanted < 1) return refused("Dimensions must be greater than 0");
  if (!model.matryoshka_dimensions.empty()) {
    if (std::ranges::find(model.matryoshka_dimensions, wanted) == model.matryoshka_dimensions.end()) {
      return refused(
          fmt::format("Model \"{}\" only supports [{}] matryoshka dimensions, use other output "
                      "dimensions will lead to poor results.",
                      model.names.front(), fmt::join(model.matryoshka_dimensions, ", ")));
    }
  } else if (!model.is_matryoshka) {
    return refused(
        fmt::format("Model \"{}\" does not support matryoshka representation, changing output "
                    "dimensions will lead to poor results.",
                    model.names.front()));
  }
  if (wanted > model.hidden_size) {
    return refused(fmt::format("The model's embeddings have {} dimensions.", model.hidden_size));
  }
  return static_cast<std::int32_t>(wanted);
}

std::optional<ApiError> find_embedding_fault(const ServedModel& model, const TokenIds& prompt) {
  if (auto fault = find_fault(model, prompt)) return fault;
  if (std::cmp_less_equal(prompt.size(), model.max_model_len)) return std::nullopt;
  return value_error(
      fmt::format(
          "This model's maximum context length is {} tokens. However, your request has {} input tokens. "
          "Please reduce the length of the input.",
          model.max_model_len, prompt.size()),
      "input_tokens", std::to_string(prompt.size()));
}

std::optional<ApiError> find_excess(const EmbeddingPlan& plan, const EngineOptions& options) {
  const auto count = static_cast<std::int64_t>(plan.prompts.size());
  if (count > options.max_queued) return queue_full();
  if (count * plan.dimensions <= kMostEmbeddingNumbers) return std::nullopt;
  return value_error(
      fmt::format("{} embeddings of {} dimensions have more than {} numbers together. Please ask for "
                  "fewer at once.",
                  count, plan.dimensions, kMostEmbeddingNumbers),
      "input", std::to_string(count));
}

namespace {

struct Embeddings {
  std::vector<std::vector<float>> vectors;  // one for each prompt
  Usage usage;
};

// What the engine makes of the prompts. Once it fails on one the others are aborted.
Task<Parsed<Embeddings>> compute(const GenerationServices& services, const EmbeddingPlan& plan,
                                 Duration submitted_after) {
  const std::size_t count = plan.prompts.size();
  Submission submission(services.generator, services.mailbox, count);
  if (const auto refusal = submission.submit(requests_of(plan))) co_return std::unexpected(*refusal);
  Embeddings found{.vectors = std::vector<std::vector<float>>(count), .usage = {}};
  std::int64_t cached = 0;
  for (std::size_t open = count; open > 0;) {
    std::vector<TokenBatch> batches = co_await submission.next();
    for (TokenBatch& batch : batches) {
      if (batch.finish == FinishReason::kAborted) co_return std::unexpected(shutting_down());
      if (batch.finish == FinishReason::kError) services.metrics.failed();
      if (batch.finish != FinishReason::kStop || !is_finite(batch.embedding)) {
        co_return std::unexpected(internal_error());
      }
      const auto size = static_cast<std::int64_t>(plan.prompts[batch.index]->size());
      shape_embedding(batch.embedding, static_cast<std::size_t>(plan.dimensions), plan.normalised);
      found.vectors[batch.index] = std::move(batch.embedding);
      found.usage.prompt += size;
      cached += batch.cached_tokens;
      WorkerMetrics::Request(services.metrics, submitted_after)
          .ended(batch.times, "stop", {.prompt = size, .cached = batch.cached_tokens});
      --open;
    }
  }
  if (plan.tells_cached) found.usage.cached = cached;
  co_return found;
}

}  // namespace

Task<Result<void>> answer(const GenerationServices& services, EmbeddingPlan plan, ServerStream& stream,
                          Duration submitted_after) {
  if (const auto excess = find_excess(plan, services.generator.options())) {
    co_return co_await reply(stream.client, *excess);
  }
  std::string body;
  {
    const Parsed<Embeddings> found = co_await compute(services, plan, submitted_after);
    if (!found) co_return co_await reply(stream.client, found.error());
    body = embeddings_body(plan.identity, found->vectors, plan.style, found->usage);
  }
  co_return co_await reply(stream.client, 200, kJsonType, std::move(body));
}

}  // namespace sluice::worker
