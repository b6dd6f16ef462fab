// worker_bench MODEL FOLDER DTYPE PRODUCTS THREADS [LEVEL]: times one model on one device and prints a line
// of JSON.
//
//   MODEL     tiny or mid; written into FOLDER, an existing one, if it is not there yet
//   DTYPE     float32 or bfloat16
//   PRODUCTS  own, onednn or auto
//   LEVEL     x86-64-v3 and the like instead of the best
//
// Steps and their matrix products alone take turns, so that a disturbance meets both; a figure is the time
// that a tenth of the steps are below. Decoding: one token each of 1 or 8 sequences with 128 to 188 tokens
// behind them, the choice of the next included. Prefill: 512 tokens of one sequence in one step, one row of
// logits.

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "backends/worker/device/cpu_device.h"
#include "backends/worker/model/transformer.h"
#include "perf/worker/products_only.h"
#include "perf/worker/random_model.h"

namespace sluice::worker {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::int32_t kBlockSize = 16;
constexpr std::int32_t kBlocksPerSequence = 32;  // 512 tokens
constexpr std::int32_t kSequences = 8;
constexpr std::int32_t kContext = 128;
constexpr std::int32_t kSteps = 60;

double milliseconds_since(Clock::time_point begin) {
  return std::chrono::duration<double, std::milli>(Clock::now() - begin).count();
}

double low(std::vector<double> times) {
  std::sort(times.begin(), times.end());
  return times[times.size() / 10];
}

// A line of /proc/self/status, in MiB.
double memory_line(const std::string& name) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with(name + ":")) return std::stod(line.substr(name.size() + 1)) / 1024;
  }
  return 0;
}

struct Timing {
  double step = 0;
  double products = 0;
};

class Bench {
 public:
  Bench(const std::filesystem::path& folder, const CpuOptions& options)
      : cpu_(options), device_(cpu_), model_(load(folder)) {
    cache_ = model_->make_kv_cache(kSequences * kBlocksPerSequence, kBlockSize);
    workspace_ = model_->make_workspace(512, kSequences);
    for (std::int32_t s = 0; s < kSequences; ++s) {
      for (std::int32_t b = 0; b < kBlocksPerSequence; ++b)
        blocks_[s].push_back(b * kSequences + s);
    }
  }

  std::string device() const { return device_.name(); }

  Timing decode(std::int32_t sequences) {
    for (std::int32_t s = 0; s < sequences; ++s)
      run(tokens(s, 1, 0, kContext));
    std::vector<double> steps, products;
    for (std::int32_t i = 0; i < kSteps; ++i) {
      const Batch batch = tokens(0, sequences, kContext + i, kContext + i + 1);
      steps.push_back(run(batch));
      products.push_back(run_products(batch));
    }
    return {low(steps), low(products)};
  }

  Timing prefill() {
    Batch batch = tokens(0, 1, 0, 512);
    std::vector<double> steps, products;
    for (std::int32_t i = 0; i < 7; ++i) {
      steps.push_back(run(batch));
      products.push_back(run_products(batch));
    }
    return {low(steps), low(products)};
  }

 private:
  std::unique_ptr<Transformer> load(const std::filesystem::path& folder) {
    Checkpoint checkpoint(folder);
    const ModelConfig config = load_model_config(folder);
    return std::make_unique<Transformer>(config, checkpoint, 512, device_);
  }

  // Positions from … to of `count` sequences, the last of each an output.
  Batch tokens(std::int32_t first, std::int32_t count, std::int32_t from, std::int32_t to) {
    Batch batch;
    for (std::int32_t s = first; s < first + count; ++s) {
      const auto first_row = static_cast<std::int32_t>(batch.tokens.size());
      for (std::int32_t p = from; p < to; ++p) {
        batch.tokens.push_back((p * 31 + s * 17) % static_cast<std::int32_t>(model_->config().vocab_size));
        batch.positions.push_back(p);
        batch.slots.push_back(blocks_[s][static_cast<std::size_t>(p / kBlockSize)] * kBlockSize +
                              p % kBlockSize);
      }
      batch.sequences.push_back({first_row, to - from, from, blocks_[s]});
      batch.outputs.push_back(first_row + to - from - 1);
    }
    return batch;
  }

  double run(const Batch& batch) {
    std::vector<std::int32_t> picked(batch.outputs.size());
    const auto begin = Clock::now();
    Buffer& logits = model_->forward(batch, cache_, workspace_);
    device_.argmax(logits, picked.size(), static_cast<std::size_t>(model_->config().vocab_size), picked);
    return milliseconds_since(begin);
  }

  double run_products(const Batch& batch) {
    device_.only_products(true);
    const double time = run(batch);
    device_.only_products(false);
    return time;
  }

  CpuDevice cpu_;
  ProductsOnly device_;
  std::unique_ptr<Transformer> model_;
  KvCache cache_;
  Workspace workspace_;
  std::vector<std::int32_t> blocks_[kSequences];
};

CpuOptions options_of(const std::vector<std::string>& arguments) {
  CpuOptions options;
  options.precision = arguments[2] == "bfloat16" ? Precision::kBfloat16 : Precision::kFloat32;
  options.products = arguments[3] == "own"      ? Products::kOwn
                     : arguments[3] == "onednn" ? Products::kOneDnn
                                                : Products::kAuto;
  options.threads = std::stoul(arguments[4]);
  if (arguments.size() > 5) {
    options.kernels = nullptr;
    for (const CpuKernels* level : {&kBaselineKernels
#ifdef SLUICE_X86_64_LEVELS
                                    ,
                                    &kX86V3Kernels, &kX86V4Kernels
#endif
         }) {
      if (arguments[5] == level->level) options.kernels = level;
    }
    if (options.kernels == nullptr) throw std::invalid_argument("no level " + arguments[5]);
  }
  return options;
}

std::string timing_json(const char* name, const Timing& timing, double tokens) {
  return fmt::format(R"("{}":{{"step_ms":{:.4f},"products_ms":{:.4f},"tokens_per_s":{:.1f}}})", name,
                     timing.step, timing.products, 1000 * tokens / timing.step);
}

void measure(const std::vector<std::string>& arguments) {
  const std::filesystem::path folder = std::filesystem::path(arguments[1]) / arguments[0];
  if (!std::filesystem::exists(folder / "config.json")) {
    std::filesystem::create_directories(folder);
    write_random_checkpoint(folder, sizes_of(arguments[0]));
  }
  const auto begin = Clock::now();
  Bench bench(folder, options_of(arguments));
  const double load = milliseconds_since(begin);
  const double peak = memory_line("VmHWM");
  const double resident = memory_line("VmRSS");
  const Timing one = bench.decode(1);
  const Timing eight = bench.decode(8);
  const Timing prompt = bench.prefill();
  fmt::print(
      R"({{"model":"{}","device":"{}","load_ms":{:.0f},"peak_mib":{:.0f},"loaded_mib":{:.0f},{},{},{}}})"
      "\n",
      arguments[0], bench.device(), load, peak, resident, timing_json("decode1", one, 1),
      timing_json("decode8", eight, 8), timing_json("prefill512", prompt, 512));
}

}  // namespace
}  // namespace sluice::worker

int main(int argc, char** argv) {
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  if (arguments.size() < 5 || arguments.size() > 6) {
    std::fprintf(stderr, "usage: worker_bench MODEL FOLDER DTYPE PRODUCTS THREADS [LEVEL]\n");
    return 2;
  }
  try {
    sluice::worker::measure(arguments);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "worker_bench: %s\n", error.what());
    return 1;
  }
  return 0;
}
