#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "backends/worker/engine/sampling_params.h"

namespace sluice::worker {

// What the choice of a token depends on besides the logits and the parameters.
struct SamplingContext {
  std::span<const std::int32_t> tokens = {};  // prompt and answer so far
  std::size_t prompt_size = 0;
  std::span<const std::int32_t> banned = {};  // stop tokens, while there are fewer than min_tokens
  double draw = 0;                            // uniform in [0, 1)
};

// Picks tokens from logits, in vLLM's order of steps (SamplingParams says it). Among equal logits the lower
// id is the larger. A logit that is not a number counts as impossible; if no token is possible, the largest
// of the unmodified logits is picked.
//
// Keeps a few arrays of the vocabulary's size. Not for several threads.
class Sampler {
 public:
  explicit Sampler(std::int32_t vocab_size);

  std::int32_t pick(std::span<const float> logits, const SamplingParams& params,
                    const SamplingContext& context);

 private:
  void shape(const SamplingParams& params, const SamplingContext& context);
  void keep_allowed(std::span<const std::int32_t> allowed);
  void penalise(const SamplingParams& params, const SamplingContext& context);
  std::int32_t draw(const SamplingParams& params, float top, double draw);
  double keep_most_probable(const SamplingParams& params, double total);

  std::vector<float> logits_;
  std::vector<std::int32_t> counts_;  // zero between calls
  struct Candidate {
    std::int32_t token;
    float logit;
    double weight;  // e^((logit - largest) / temperature)
  };
  std::vector<Candidate> candidates_;
};

}  // namespace sluice::worker
