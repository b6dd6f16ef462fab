#pragma once

#include <cstdint>
#include <list>
#include <vector>

#include "backends/worker/engine/block_hash.h"
#include "backends/worker/engine/request.h"

namespace sluice::worker {

// One request between its submission and its end: what of it is known, and what of that is in the KV cache.
struct Sequence {
  Request request;
  std::uint64_t arrival = 0;  // sequences are older the smaller it is
  std::int32_t prompt_size = 0;
  std::int32_t length_limit = 0;  // of tokens
  std::uint64_t seed = 0;
  RequestTimes times;

  // Prompt, then answer. Empty until its turn comes: what waits costs no more than its request.
  std::vector<std::int32_t> tokens;
  bool was_admitted = false;
  bool running = false;
  std::int32_t cached_tokens = 0;
  std::vector<TokenLogprobs> prompt_logprobs;  // of tokens 1, 2, …
  std::vector<double> pooled;                  // what has been added up of the hidden states
  std::int32_t pooled_rows = 0;                // how many they are; all from the first on

  std::vector<BlockHash> hashes;     // of the full blocks of tokens
  std::vector<std::int32_t> blocks;  // that hold its keys and values, in order
  std::int32_t named = 0;            // how many of them were offered to others
  std::int32_t computed = 0;         // tokens whose keys and values are cached
  std::int32_t planned = 0;          // rows in the current step

  std::int32_t size() const noexcept { return static_cast<std::int32_t>(tokens.size()); }
  std::int32_t generated() const noexcept { return size() - prompt_size; }
  bool pools() const noexcept { return request.pooling != Pooling::kNone; }
  bool needs_state_at(std::int32_t position) const noexcept {
    if (request.pooling == Pooling::kMean) return position >= pooled_rows;
    return request.pooling == Pooling::kLast && position + 1 == prompt_size;
  }
  // Whether it must compute rows that the cache may hold.
  bool needs_every_row() const noexcept {
    return wants_prompt_logprobs() || request.pooling == Pooling::kMean;
  }
  bool wants_prompt_logprobs() const noexcept { return request.sampling->prompt_logprobs.has_value(); }
  // Whether the logits of the row at `position` are wanted for the prompt's next token.
  bool needs_prompt_logprobs_at(std::int32_t position) const noexcept {
    return wants_prompt_logprobs() && position + 1 < prompt_size &&
           position >= static_cast<std::int32_t>(prompt_logprobs.size());
  }
};

using Sequences = std::list<Sequence>;

}  // namespace sluice::worker
