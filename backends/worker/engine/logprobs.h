#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace sluice::worker {

// The natural logarithm of a token's probability under the unmodified logits, and its place among all tokens
// by probability, from 1.
struct TokenLogprob {
  std::int32_t token = 0;
  float logprob = 0;
  std::int32_t rank = 0;
};

// Of one position: first the token that stands there, then the others that were asked for, the most probable
// first; these may contain the first one again.
using TokenLogprobs = std::vector<TokenLogprob>;

// `token` and the `top` most probable tokens, lower ids first among equals.
TokenLogprobs top_logprobs(std::span<const float> logits, std::int32_t token, std::int32_t top);

// `token` and the given others, in their order.
TokenLogprobs chosen_logprobs(std::span<const float> logits, std::int32_t token,
                              std::span<const std::int32_t> others);

}  // namespace sluice::worker
