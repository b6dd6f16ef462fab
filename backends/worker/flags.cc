#include "backends/worker/flags.h"

#include <algorithm>
#include <charconv>
#include <limits>
#include <map>

#include <CLI/CLI.hpp>

#include "backends/worker/pooler_flag.h"

namespace sluice::worker {
namespace {

constexpr int kExitBadFlags = 2;

constexpr const char* kDescription =
    "sluice-worker: serves a language model over the HTTP API of vLLM.\n\n"
    "  sluice-worker backends/worker/models/tiny/v1 --served-model-name tiny --port 8000\n"
    "  curl http://127.0.0.1:8000/v1/chat/completions -H 'content-type: application/json' \\\n"
    "    -d '{\"model\": \"tiny\", \"messages\": [{\"role\": \"user\", \"content\": \"What is "
    "Sluice?\"}]}'\n\n"
    "It listens once the model is loaded and says so on standard error; SIGTERM ends it. Dashes and "
    "underscores in "
    "flags\nare the same.\n";

// "8192", "8k" (8000), "8K" (8192), "auto" (0); as vLLM reads lengths.
std::string parse_length(std::string& text) {
  if (text == "auto" || text == "-1") {
    text = "0";
    return {};
  }
  std::int64_t unit = 1;
  std::string_view digits = text;
  if (digits.ends_with('k')) unit = 1000;
  if (digits.ends_with('K')) unit = 1024;
  if (unit > 1) digits.remove_suffix(1);
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (error != std::errc() || end != digits.data() + digits.size() || number < 1 ||
      number > std::numeric_limits<std::int32_t>::max() / unit) {
    return "expected a number of tokens such as 2048, 2k or auto, got " + text;
  }
  text = std::to_string(number * unit);
  return {};
}

// --max_model_len is --max-model-len; values keep their underscores.
std::vector<std::string> with_dashes(int argc, char** argv) {
  std::vector<std::string> arguments(argv + 1, argv + argc);
  for (std::string& argument : arguments) {
    if (!argument.starts_with("--")) continue;
    const auto end =
        argument.begin() + static_cast<std::ptrdiff_t>(std::min(argument.find('='), argument.size()));
    std::replace(argument.begin(), end, '_', '-');
  }
  std::ranges::reverse(arguments);  // as CLI11 takes them
  return arguments;
}

// A flag with its opposite, as vLLM has them.
void add_switch(CLI::App& app, const std::string& name, bool& value, const std::string& description) {
  app.add_flag("--" + name + ",!--no-" + name, value, description + (value ? " [on]" : " [off]"));
}

void add_engine_flags(CLI::App& app, Flags& flags) {
  EngineOptions& engine = flags.engine;
  app.add_option("--block-size", engine.block_size, "Tokens of one block of the KV cache")
      ->check(CLI::Range(1, 1024))
      ->capture_default_str();
  app.add_option("--num-gpu-blocks-override", engine.kv_blocks,
                 "Blocks of the KV cache [room for --max-num-seqs sequences within --kv-cache-memory-bytes]")
      ->check(CLI::PositiveNumber);
  app.add_option("--kv-cache-memory-bytes", engine.kv_cache_bytes, "Most memory that the KV cache may take")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  add_switch(app, "enable-prefix-caching", engine.prefix_caching,
             "Compute what prompts begin with in common only once");
  add_switch(app, "enable-chunked-prefill", engine.chunked_prefill, "Compute long prompts in several steps");
  app.add_option("--long-prefill-token-threshold", engine.long_prefill_threshold,
                 "Most tokens of one prompt in a step; 0: no limit but the step's")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  app.add_option("--scheduling-policy", engine.policy,
                 "Who goes first: fcfs, or the lowest priority of requests")
      ->transform(CLI::CheckedTransformer(std::map<std::string, SchedulingPolicy>{
          {"fcfs", SchedulingPolicy::kFcfs}, {"priority", SchedulingPolicy::kPriority}}))
      ->default_str("fcfs");
  app.add_option("--max-num-queued-reqs", engine.max_queued,
                 "Answers that may wait; further ones get status 503")
      ->check(CLI::Range(1, 1 << 20))
      ->capture_default_str();
  app.add_option("--seed", engine.seed, "Of the answers whose requests bring no seed")->capture_default_str();
}

void add_api_flags(CLI::App& app, Flags& flags) {
  app.add_option_function<std::string>(
         "--generation-config",
         [&flags](const std::string& value) { flags.ignore_generation_config = value == "vllm"; },
         "auto: sampling defaults of the checkpoint's generation_config.json; vllm: without them")
      ->check(CLI::IsMember({"auto", "vllm"}))
      ->default_str("auto");
  app.add_option("--response-role", flags.response_role, "The role of chat answers")->capture_default_str();
  CLI::Option* parser = app.add_option("--tool-call-parser", flags.tool_call_parser,
                                       "The form in which the model writes tool calls: hermes (Qwen's too)");
  parser->check(CLI::IsMember({"hermes"}));
  app.add_flag("--enable-auto-tool-choice", flags.auto_tool_choice, "Read tool calls out of answers")
      ->needs(parser);
  app.add_option("--max-logprobs", flags.max_logprobs, "Most probable tokens that may be asked for; -1: all")
      ->check(CLI::Range(-1, 1 << 20))
      ->capture_default_str();
  app.add_option("--stream-interval", flags.stream_interval,
                 "Tokens of a frame, but for the first and the last")
      ->check(CLI::Range(1, 1 << 20))
      ->capture_default_str();
  add_switch(app, "enable-request-id-headers", flags.request_id_headers, "Answer with X-Request-Id");
  add_switch(app, "enable-prompt-tokens-details", flags.prompt_tokens_details,
             "Say in usage how much of a prompt was cached");
  add_switch(app, "enable-force-include-usage", flags.force_include_usage,
             "Usage on every frame of every stream");
  add_switch(app, "return-tokens-as-token-ids", flags.tokens_as_ids, "Name tokens in logprobs token_id:N");
  app.add_option_function<std::string>(
         "--pooler-config",
         [&flags](const std::string& json) {
           if (const std::string wrong = read_pooler_config(json, flags.pooler); !wrong.empty()) {
             throw CLI::ValidationError("--pooler-config", wrong);
           }
         },
         "How hidden states become embeddings, in JSON: pooling_type LAST or MEAN, use_activation true or "
         "false\n(to length one or not)")
      ->type_name("JSON")
      ->default_str(R"({"pooling_type": "LAST", "use_activation": true})");
  app.add_flag("--enable-tokenizer-info-endpoint", flags.tells_tokenizer,
               "Answer GET /tokenizer_info, with the chat template");
  app.add_option_function<std::vector<std::string>>(
         "--fault",
         [&flags](const std::vector<std::string>& faults) {
           for (const std::string& fault : faults) {
             if (const std::string wrong = add_fault(fault, flags.faults); !wrong.empty()) {
               throw CLI::ValidationError("--fault", wrong);
             }
           }
         },
         fault_kinds())
      ->take_all();
  app.add_flag("--enable-server-load-tracking")->description("Accepted for vLLM's sake: /load always counts");
}

}  // namespace

std::optional<int> parse_flags(int argc, char** argv, Flags& flags) {
  CLI::App app{kDescription, "sluice-worker"};
  app.set_version_flag("--version", SLUICE_VERSION);
  app.add_option("model,--model", flags.model,
                 "Directory of the checkpoint: config.json, tokenizer.json, *.safetensors")
      ->required();
  app.add_option("--served-model-name", flags.served_names,
                 "What requests call the model; the first name labels answers and metrics [the directory]")
      ->expected(1, -1);
  app.add_option("--host", flags.host, "IP address to listen on")->capture_default_str();
  app.add_option("--port", flags.port, "Port to listen on; 0 takes a free one")->capture_default_str();
  app.add_option("--uds", flags.uds, "Unix socket to listen on instead of host and port");
  app.add_option("--max-model-len", flags.max_model_len, "Tokens of prompt and answer together [the model's]")
      ->transform(CLI::Validator(parse_length, "TOKENS"));
  app.add_option("--max-num-seqs", flags.max_num_seqs, "Answers computed at once")
      ->check(CLI::Range(1, 4096))
      ->capture_default_str();
  app.add_option("--max-num-batched-tokens", flags.max_num_batched_tokens, "Tokens computed in one step")
      ->check(CLI::Range(1, 1 << 20))
      ->capture_default_str();
  app.add_option(
         "--dtype", flags.dtype,
         "What weights and the KV cache are kept in; auto is bfloat16 for bfloat16 checkpoints with a "
         "hidden size\nabove 512, float32 for all others")
      ->check(CLI::IsMember({"auto", "float32", "bfloat16"}))
      ->capture_default_str();
  app.add_option("--device", flags.device, "What computes; auto is the processor in a build without CUDA")
      ->check(CLI::IsMember({"auto", "cpu", "cuda"}))
      ->capture_default_str();
  app.add_option("--threads", flags.threads,
                 "Threads that compute [1 up to a hidden size of 512, above it one fewer than processors]")
      ->check(CLI::Range(1, 1024));
  app.add_flag("--pin", flags.pin, "Keep each thread that computes on a processor of its own");
  app.add_option("--api-key", flags.api_keys, "Keys of which requests to /v1 must bear one")
      ->expected(1, -1)
      ->envname("VLLM_API_KEY");
  app.add_option("--step-interval-ms", flags.step_interval_ms,
                 "The shortest time of a step: lets a small model answer at the pace of a large one")
      ->check(CLI::Range(0, 60'000))
      ->capture_default_str();
  app.add_option("--shutdown-timeout", flags.shutdown_timeout_s,
                 "Seconds that answers under way may take after SIGTERM before they are aborted")
      ->check(CLI::Range(0, 86'400))
      ->capture_default_str();
  app.add_flag("--disable-log-stats", flags.disable_log_stats,
               "Accepted for vLLM's sake: nothing is logged regularly");
  add_engine_flags(app, flags);
  add_api_flags(app, flags);
  try {
    app.parse(with_dashes(argc, argv));
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : kExitBadFlags;
  }
  return std::nullopt;
}

}  // namespace sluice::worker
