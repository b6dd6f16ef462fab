#pragma once

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

namespace sluice::worker {

// How the next token is picked from the model's logits, in the order of use: allowed ids, bad words, the ban
// of stop tokens below min_tokens (Request), bias, penalties; then either the largest logit (greedy), or
// temperature, min_p, top_k, top_p and a draw. Ids lie in the vocabulary; ranges are the API's to check.
struct SamplingParams {
  float temperature = 0;         // below kGreedyTemperature: the most probable token
  float top_p = 1;               // (0, 1]; 1: off
  std::int32_t top_k = 0;        // 0: off
  float min_p = 0;               // [0, 1]; relative to the most probable token; 0: off
  float repetition_penalty = 1;  // > 0; of tokens in prompt or answer
  float frequency_penalty = 0;   // times a token's occurrences in the answer
  float presence_penalty = 0;    // once for a token in the answer
  std::vector<std::pair<std::int32_t, float>> logit_bias = {};
  std::vector<std::int32_t> allowed_token_ids = {};  // all if empty
  std::vector<std::vector<std::int32_t>> bad_words =
      {};  // sequences whose last token is banned behind the others

  std::vector<std::int32_t> stop_token_ids = {};  // in order; they end an answer like the model's own end

  // Logprobs of each answered token and of that many most probable ones; none if absent.
  std::optional<std::int32_t> logprobs = {};
  // If not empty, logprobs of these tokens instead of the most probable ones.
  std::vector<std::int32_t> logprob_token_ids = {};
  // The same of each token of the prompt.
  std::optional<std::int32_t> prompt_logprobs = {};

  static constexpr float kGreedyTemperature = 1e-5F;

  bool greedy() const noexcept { return temperature < kGreedyTemperature; }
  // Whether the logits are changed before the most probable token is looked for.
  bool shapes_logits() const noexcept {
    return repetition_penalty != 1 || frequency_penalty != 0 || presence_penalty != 0 ||
           !logit_bias.empty() || !allowed_token_ids.empty() || !bad_words.empty();
  }
};

}  // namespace sluice::worker
