#include "backends/worker/flags.h"

#include <algorithm>
#include <charconv>
#include <limits>

#include <CLI/CLI.hpp>

namespace sluice::worker {
namespace {

constexpr int kExitBadFlags = 2;

constexpr const char* kDescription =
    "sluice-worker: serves a language model over the HTTP API of vLLM.\n\n"
    "  sluice-worker backends/worker/models/tiny/v1 --served-model-name tiny --port 8000\n"
    "  curl http://127.0.0.1:8000/v1/chat/completions -H 'content-type: application/json' \\\n"
    "    -d '{\"model\": \"tiny\", \"messages\": [{\"role\": \"user\", \"content\": \"What is "
    "Sluice?\"}]}'\n\n"
    "It listens once the model is loaded and says so on standard error; SIGTERM ends it. Answers are greedy: "
    "of\n"
    "sampling parameters only the range is checked. Dashes and underscores in flags are the same.\n";

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
  try {
    app.parse(with_dashes(argc, argv));
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : kExitBadFlags;
  }
  return std::nullopt;
}

}  // namespace sluice::worker
