#include "backends/worker/model/transformer.h"

#include <gtest/gtest.h>

#include <cmath>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "backends/worker/device/cpu_device.h"
#include "tests/backends/worker/checkpoint_fixture.h"

namespace sluice::worker {
namespace {

constexpr std::int32_t kBlockSize = 4;
constexpr std::int32_t kBlocks = 32;

// A model, its cache, and one sequence in blocks that are not in order.
class Subject {
 public:
  Subject(const std::string& name, const CpuKernels& kernels) : device_(kernels) {
    Checkpoint checkpoint(fixture_directory(name));
    const ModelConfig config = load_model_config(fixture_directory(name));
    model_ = std::make_unique<Transformer>(config, checkpoint, config.max_positions, device_);
    cache_ = model_->make_kv_cache(kBlocks, kBlockSize);
    workspace_ = model_->make_workspace(64, 64);
  }

  // Adds tokens [from, to) of a sequence whose block table is `blocks`; all rows are outputs.
  void add(Batch& batch, std::span<const std::int32_t> tokens, std::int32_t from, std::int32_t to,
           const std::vector<std::int32_t>& blocks) {
    const auto first_row = static_cast<std::int32_t>(batch.tokens.size());
    for (std::int32_t p = from; p < to; ++p) {
      batch.outputs.push_back(static_cast<std::int32_t>(batch.tokens.size()));
      batch.tokens.push_back(tokens[static_cast<std::size_t>(p)]);
      batch.positions.push_back(p);
      batch.slots.push_back(blocks[static_cast<std::size_t>(p / kBlockSize)] * kBlockSize + p % kBlockSize);
    }
    batch.sequences.push_back({first_row, to - from, from, blocks});
  }

  std::vector<float> logits(const Batch& batch) {
    Buffer& out = model_->forward(batch, cache_, workspace_);
    std::vector<float> values(batch.outputs.size() * vocab());
    device_.read(out, 0, values);
    return values;
  }

  std::size_t vocab() const { return static_cast<std::size_t>(model_->config().vocab_size); }

 private:
  CpuDevice device_;
  std::unique_ptr<Transformer> model_;
  KvCache cache_;
  Workspace workspace_;
};

const std::vector<std::int32_t> kTable{7, 2, 9, 0, 31, 5};
const std::vector<std::int32_t> kOtherTable{1, 3, 4, 6, 8, 10};

class TransformerReference : public ::testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Checkpoints, TransformerReference,
                         ::testing::Values("llama_f32", "llama_scaled_bf16", "qwen2_bf16", "qwen3_f16"),
                         [](const auto& test) { return std::string(test.param); });

TEST_P(TransformerReference, LogitsEqualTheFloat64ForwardPassWithinATenThousandth) {
  const Reference reference = load_reference(GetParam());
  for (const CpuKernels* kernels : {&kBaselineKernels, &best_cpu_kernels()}) {
    Subject subject(GetParam(), *kernels);
    Batch batch;
    subject.add(batch, reference.prompt, 0, static_cast<std::int32_t>(reference.prompt.size()), kTable);
    const auto logits = subject.logits(batch);
    for (std::size_t row = 0; row < reference.logits.size(); ++row) {
      for (std::size_t i = 0; i < subject.vocab(); ++i) {
        ASSERT_NEAR(logits[row * subject.vocab() + i], reference.logits[row][i], 1e-4)
            << kernels->level << " row " << row << " token " << i;
      }
    }
  }
}

TEST_P(TransformerReference, LogitsAreTheSameToTheBitWhetherTheTokensComeAtOnceOrInChunksOrInCompany) {
  const Reference reference = load_reference(GetParam());
  const auto size = static_cast<std::int32_t>(reference.prompt.size());
  Subject whole(GetParam(), best_cpu_kernels());
  Batch batch;
  whole.add(batch, reference.prompt, 0, size, kTable);
  const auto expected = whole.logits(batch);

  Subject pieces(GetParam(), best_cpu_kernels());
  const std::vector<std::int32_t> other(reference.prompt.rbegin(), reference.prompt.rend());
  const std::size_t vocab = pieces.vocab();
  std::int32_t other_from = 0;
  for (std::int32_t from = 0; from < size;) {
    const std::int32_t to = std::min(size, from + 1 + from % 5);
    const std::int32_t other_to = std::min(size, other_from + 3);
    batch.clear();
    if (other_to > other_from) pieces.add(batch, other, other_from, other_to, kOtherTable);
    const std::size_t skipped = batch.outputs.size() * vocab;
    pieces.add(batch, reference.prompt, from, to, kTable);
    const auto logits = pieces.logits(batch);
    const std::size_t begin = static_cast<std::size_t>(from) * vocab;
    for (std::size_t i = skipped; i < logits.size(); ++i)
      ASSERT_EQ(logits[i], expected[begin + i - skipped]);
    from = to;
    other_from = other_to;
  }
}

}  // namespace
}  // namespace sluice::worker
