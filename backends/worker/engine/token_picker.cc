#include "backends/worker/engine/token_picker.h"

#include "backends/worker/engine/random_draw.h"

namespace sluice::worker {
namespace {

// Whether tokens that end the answer must not be picked yet.
bool bans_ends(const Sequence& sequence) {
  return sequence.generated() < sequence.request.min_tokens;
}

bool needs_only_most_probable(const Sequence& sequence) {
  const SamplingParams& params = *sequence.request.sampling;
  return params.greedy() && !params.shapes_logits() && !bans_ends(sequence);
}

TokenLogprobs logprobs_of(std::span<const float> logits, const SamplingParams& params, std::int32_t token) {
  if (!params.logprob_token_ids.empty()) return chosen_logprobs(logits, token, params.logprob_token_ids);
  return top_logprobs(logits, token, *params.logprobs);
}

}  // namespace

std::span<const std::int32_t> TokenPicker::banned(const Sequence& sequence) {
  if (!bans_ends(sequence)) return {};
  banned_ = sequence.request.sampling->stop_token_ids;
  if (!sequence.request.ignore_eos)
    banned_.insert(banned_.end(), eos_token_ids_.begin(), eos_token_ids_.end());
  return banned_;
}

std::span<OutputResult> TokenPicker::pick(std::span<const OutputUse> uses) {
  results_.assign(uses.size(), {});
  most_probable_.resize(uses.size());
  if (!uses.empty()) model_.most_probable(most_probable_);
  for (std::size_t i = 0; i < uses.size(); ++i) {
    const Sequence& sequence = *uses[i].sequence;
    const SamplingParams& params = *sequence.request.sampling;
    OutputResult& result = results_[i];
    if (!uses[i].picks) {
      result.token = sequence.tokens[static_cast<std::size_t>(uses[i].position) + 1];
      result.logprobs = top_logprobs(model_.logits(i), result.token, *params.prompt_logprobs);
      continue;
    }
    result.token = most_probable_[i];
    if (needs_only_most_probable(sequence) && !params.logprobs) continue;
    const std::span<const float> logits = model_.logits(i);
    if (!needs_only_most_probable(sequence)) {
      const auto draw = random_draw(sequence.seed, static_cast<std::uint64_t>(sequence.generated()));
      result.token = sampler_.pick(logits, params,
                                   {.tokens = sequence.tokens,
                                    .prompt_size = static_cast<std::size_t>(sequence.prompt_size),
                                    .banned = banned(sequence),
                                    .draw = draw});
    }
    if (params.logprobs) result.logprobs = logprobs_of(logits, params, result.token);
  }
  return results_;
}

}  // namespace sluice::worker
