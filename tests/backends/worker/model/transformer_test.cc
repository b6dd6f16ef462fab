#include "backends/worker/model/transformer.h"

#include <gtest/gtest.h>

#include <cmath>
#include <memory>
#include <span>
#include <string>
#include <tuple>
#include <vector>

#include "tests/backends/worker/checkpoint_fixture.h"
#include "tests/backends/worker/device_cases.h"

namespace sluice::worker {
namespace {

constexpr std::int32_t kBlockSize = 4;
constexpr std::int32_t kBlocks = 32;

// A model, its cache, and one sequence in blocks that are not in order.
class Subject {
 public:
  Subject(const std::string& name, const DeviceCase& device) : device_(device.make()) {
    Checkpoint checkpoint(fixture_directory(name));
    const ModelConfig config = load_model_config(fixture_directory(name));
    model_ = std::make_unique<Transformer>(config, checkpoint, config.max_positions, *device_);
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
    device_->read(out, 0, values);
    return values;
  }

  // Of batch.hidden, after `logits`.
  std::vector<float> states(const Batch& batch) {
    std::vector<float> values(batch.hidden.size() * static_cast<std::size_t>(model_->config().hidden_size));
    device_->read(*workspace_.states, 0, values);
    return values;
  }

  std::size_t vocab() const { return static_cast<std::size_t>(model_->config().vocab_size); }

 private:
  std::unique_ptr<Device> device_;
  std::unique_ptr<Transformer> model_;
  KvCache cache_;
  Workspace workspace_;
};

const std::vector<std::int32_t> kTable{7, 2, 9, 0, 31, 5};
const std::vector<std::int32_t> kOtherTable{1, 3, 4, 6, 8, 10};

class TransformerReference : public ::testing::TestWithParam<std::tuple<const char*, DeviceCase>> {
 protected:
  const char* checkpoint() const { return std::get<0>(GetParam()); }
  const DeviceCase& device() const { return std::get<1>(GetParam()); }
};
INSTANTIATE_TEST_SUITE_P(Checkpoints, TransformerReference,
                         ::testing::Combine(::testing::Values("llama_f32", "llama_scaled_bf16", "qwen2_bf16",
                                                              "qwen3_f16"),
                                            ::testing::ValuesIn(device_cases())),
                         [](const auto& test) {
                           return std::string(std::get<0>(test.param)) + "_" + std::get<1>(test.param).name;
                         });

// Of logits up to 4. In bfloat16: what rounding weights, keys and values to it does to the logits of these
// random models in float64 (0.432, 0.044, 0.083 and 0.029), and a little; twice that where products round
// their input too.
double tolerance(const std::string& checkpoint, const DeviceCase& device) {
  if (device.precision == Precision::kFloat32) return 1e-4;
  const double rounding = checkpoint == "llama_f32" ? 0.45 : checkpoint == "qwen2_bf16" ? 0.1 : 0.06;
  return device.rounds_input ? 2 * rounding : rounding;
}

TEST_P(TransformerReference, LogitsEqualTheFloat64ForwardPass) {
  const Reference reference = load_reference(checkpoint());
  Subject subject(checkpoint(), device());
  Batch batch;
  subject.add(batch, reference.prompt, 0, static_cast<std::int32_t>(reference.prompt.size()), kTable);
  const auto logits = subject.logits(batch);
  for (std::size_t row = 0; row < reference.logits.size(); ++row) {
    for (std::size_t i = 0; i < subject.vocab(); ++i) {
      ASSERT_NEAR(logits[row * subject.vocab() + i], reference.logits[row][i],
                  tolerance(checkpoint(), device()))
          << "row " << row << " token " << i;
    }
  }
}

TEST_P(TransformerReference, LogitsAreTheSameToTheBitWhetherTheTokensComeAtOnceOrInChunksOrInCompany) {
  if (!device().invariant) GTEST_SKIP() << "not promised for " << device().name;
  const Reference reference = load_reference(checkpoint());
  const auto size = static_cast<std::int32_t>(reference.prompt.size());
  Subject whole(checkpoint(), device());
  Batch batch;
  whole.add(batch, reference.prompt, 0, size, kTable);
  const auto expected = whole.logits(batch);

  Subject pieces(checkpoint(), device());
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

TEST_P(TransformerReference, HiddenStatesAreThoseBehindTheFinalNormOfTheRowsAskedFor) {
  const Reference reference = load_reference(checkpoint());
  const auto size = static_cast<std::int32_t>(reference.prompt.size());
  Subject subject(checkpoint(), device());
  Batch batch;
  subject.add(batch, reference.prompt, 0, size, kTable);
  batch.hidden = batch.outputs;
  const auto logits = subject.logits(batch);
  const auto all = subject.states(batch);
  const std::size_t hidden = all.size() / batch.hidden.size();

  // Some rows, and no logits: the same values, in the order asked for.
  batch.outputs.clear();
  batch.hidden = {size - 1, 3};
  subject.logits(batch);
  const auto some = subject.states(batch);
  for (std::size_t i = 0; i < hidden; ++i) {
    ASSERT_EQ(some[i], all[static_cast<std::size_t>(size - 1) * hidden + i]);
    ASSERT_EQ(some[hidden + i], all[3 * hidden + i]);
  }

  // They are what the head turns into logits.
  Checkpoint tensors(fixture_directory(checkpoint()));
  const ModelConfig config = load_model_config(fixture_directory(checkpoint()));
  const auto head = tensors.take(config.tied_embeddings ? "model.embed_tokens.weight" : "lm_head.weight",
                                 {config.vocab_size, config.hidden_size});
  for (std::size_t token = 0; token < subject.vocab(); ++token) {
    double expected = 0;
    for (std::size_t i = 0; i < hidden; ++i)
      expected += double{all[3 * hidden + i]} * head[token * hidden + i];
    ASSERT_NEAR(logits[3 * subject.vocab() + token], expected, tolerance(checkpoint(), device()));
  }
}

}  // namespace
}  // namespace sluice::worker
