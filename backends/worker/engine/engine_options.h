#pragma once

#include <chrono>
#include <cstdint>
#include <vector>

namespace sluice::worker {

enum class SchedulingPolicy {
  kFcfs,      // first come, first served
  kPriority,  // lower Request::priority first, among equals first come
};

struct EngineOptions {
  std::int32_t max_num_seqs = 32;             // sequences running at once
  std::int32_t max_num_batched_tokens = 512;  // rows of one step; at least max_num_seqs
  std::int32_t max_model_len = 0;  // tokens of prompt and answer; the model's limit if 0 (load_engine)
  std::int32_t max_queued = 4096;  // requests waiting; further ones are refused
  std::int32_t block_size = 16;    // tokens per KV block
  std::int32_t kv_blocks =
      0;  // room for max_num_seqs of max_model_len, within kv_cache_bytes, if 0 (load_engine)
  std::int64_t kv_cache_bytes = std::int64_t{256} << 20;  // bounds kv_blocks when it is derived
  SchedulingPolicy policy = SchedulingPolicy::kFcfs;
  bool prefix_caching = true;
  // Off: a prompt is computed in one step, so max_num_batched_tokens must be at least max_model_len.
  bool chunked_prefill = true;
  std::int32_t long_prefill_threshold = 0;  // most rows of one prompt in a step; 0: no such limit
  std::uint64_t seed = 0;                   // of requests that bring none
  // The shortest time a step may take: lets a tiny model stream at a human pace. 0: as fast as it can.
  std::chrono::nanoseconds step_interval{0};
  // End-of-sequence tokens: the model's own if empty (load_engine).
  std::vector<std::int32_t> eos_token_ids;
};

}  // namespace sluice::worker
