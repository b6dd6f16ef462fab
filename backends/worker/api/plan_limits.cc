#include "backends/worker/api/plan_limits.h"

#include <fmt/format.h>

#include <string>

namespace sluice::worker {
namespace {

// What is told of a position: its token and the others that were asked for.
std::int64_t entries(std::optional<std::int32_t> most_probable, std::size_t named) {
  if (!most_probable) return 0;
  return 1 + (named > 0 ? static_cast<std::int64_t>(named) : *most_probable);
}

std::int64_t count_logprobs(const GenerationPlan& plan) {
  const SamplingParams& sampling = *plan.request.sampling;
  const std::int64_t of_answer = entries(sampling.logprobs, sampling.logprob_token_ids.size());
  const std::int64_t of_prompt = entries(sampling.prompt_logprobs, 0);
  std::int64_t count = 0;
  for (const PlannedPrompt& prompt : plan.prompts) {
    count += plan.n *
             (of_answer * prompt.max_tokens + of_prompt * static_cast<std::int64_t>(prompt.tokens->size()));
  }
  return count;
}

}  // namespace

ApiError queue_full() {
  return {503, "ServiceUnavailableError", "Too many requests are waiting. Please try again later.", {}};
}

std::optional<ApiError> find_excess(const GenerationPlan& plan, const EngineOptions& options) {
  if (static_cast<std::int64_t>(plan.prompts.size()) * plan.n > options.max_queued) return queue_full();
  if (const std::int64_t count = count_logprobs(plan); count > kMostLogprobs) {
    return value_error(
        fmt::format("The answers may have up to {} logprobs; at most {} are possible. Please ask for fewer "
                    "answers, tokens or logprobs.",
                    count, kMostLogprobs),
        "logprobs", std::to_string(count));
  }
  return std::nullopt;
}

}  // namespace sluice::worker
