#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "backends/worker/api/pooler_config.h"
#include "backends/worker/engine/engine_options.h"
#include "backends/worker/fault_flags.h"

namespace sluice::worker {

// The command line, with vLLM's names and meanings where vLLM has them.
struct Flags {
  std::string model;
  std::vector<std::string> served_names;  // the model's path if empty
  std::string host = "0.0.0.0";
  std::uint16_t port = 8000;
  std::string uds;  // instead of host and port, if not empty
  std::string dtype = "auto";
  std::string device = "auto";
  std::int32_t threads = 0;  // 0: what fits the model
  bool pin = false;
  std::int32_t max_model_len = 0;  // 0: the checkpoint's
  std::int32_t max_num_seqs = 32;
  std::int32_t max_num_batched_tokens = 512;
  std::int64_t step_interval_ms = 0;
  std::int64_t shutdown_timeout_s = 0;
  std::vector<std::string> api_keys;
  bool disable_log_stats = false;

  EngineOptions engine;  // block_size, kv_blocks, kv_cache_bytes, policy, caching, chunking, seed, max_queued
  bool ignore_generation_config = false;  // --generation-config vllm
  std::string response_role = "assistant";
  std::int64_t max_logprobs = 20;
  bool auto_tool_choice = false;
  std::string tool_call_parser;
  std::int64_t stream_interval = 1;
  bool request_id_headers = false;
  bool prompt_tokens_details = false;
  bool force_include_usage = false;
  bool tokens_as_ids = false;
  bool tells_tokenizer = false;
  PoolerConfig pooler;
  Faults faults;
};

// Reads the command line. Prints help, the version or what is wrong, and returns the exit status, where the
// program is to end at once.
std::optional<int> parse_flags(int argc, char** argv, Flags& flags);

}  // namespace sluice::worker
