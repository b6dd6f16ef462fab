#include <gtest/gtest.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "backends/worker/model/transformer.h"
#include "gateway/runtime/random.h"
#include "tests/backends/worker/checkpoint_fixture.h"
#include "tests/backends/worker/device_cases.h"

namespace sluice::worker {
namespace {

constexpr std::int32_t kBlockSize = 16;

std::filesystem::path source(const std::string& path) {
  return std::filesystem::path(SLUICE_SOURCE_DIR) / path;
}

// The logits of every position by the NumPy float64 forward pass, run now: it shares no code with the engine.
std::vector<double> reference_logits(const std::filesystem::path& model,
                                     const std::vector<std::int32_t>& ids) {
  const TemporaryDirectory folder;
  const auto out = folder.path() / "logits";
  std::string list;
  for (const std::int32_t id : ids)
    list += (list.empty() ? "[" : ", ") + std::to_string(id);
  const std::string command = "/usr/bin/python3 " +
                              source("tests/backends/worker/reference/numpy_forward.py").string() + " " +
                              model.string() + " --ids '" + list + "]' --out " + out.string();
  if (std::system(command.c_str()) != 0) return {};
  std::vector<double> values(std::filesystem::file_size(out) / sizeof(double));
  std::ifstream(out, std::ios::binary)
      .read(reinterpret_cast<char*>(values.data()),
            static_cast<std::streamsize>(values.size() * sizeof(double)));
  return values;
}

std::vector<float> engine_logits(Device& device, const std::filesystem::path& path,
                                 const std::vector<std::int32_t>& ids) {
  Checkpoint checkpoint(path);
  const ModelConfig config = load_model_config(path);
  Transformer model(config, checkpoint, config.max_positions, device);
  const auto size = static_cast<std::int32_t>(ids.size());
  KvCache cache = model.make_kv_cache(size / kBlockSize + 1, kBlockSize);
  Workspace workspace = model.make_workspace(size, size);
  Batch batch;
  std::vector<std::int32_t> blocks;
  for (std::int32_t b = 0; b <= size / kBlockSize; ++b)
    blocks.push_back(b);
  for (std::int32_t p = 0; p < size; ++p) {
    batch.outputs.push_back(p);
    batch.tokens.push_back(ids[static_cast<std::size_t>(p)]);
    batch.positions.push_back(p);
    batch.slots.push_back(p);
  }
  batch.sequences.push_back({0, size, 0, blocks});
  Buffer& out = model.forward(batch, cache, workspace);
  std::vector<float> values(ids.size() * static_cast<std::size_t>(config.vocab_size));
  device.read(out, 0, values);
  return values;
}

// Seed and length of a sequence of random token ids; the seed 0 stands for the prompt of a chat.
struct Sequence {
  std::uint64_t seed;
  std::size_t length;
};

class ShippedLogits : public ::testing::TestWithParam<std::tuple<const char*, Sequence>> {};

INSTANTIATE_TEST_SUITE_P(Versions, ShippedLogits,
                         ::testing::Combine(::testing::Values("v1", "v2"),
                                            ::testing::Values(Sequence{0, 0}, Sequence{1, 1}, Sequence{2, 33},
                                                              Sequence{3, 150})),
                         [](const auto& test) {
                           return std::string(std::get<0>(test.param)) + "_seed" +
                                  std::to_string(std::get<1>(test.param).seed);
                         });

// bfloat16 also rounds keys and values, and with some products their input.
TEST_P(ShippedLogits, EqualTheFloat64ForwardPassOfNumPyWithinATenThousandthAndInBfloat16WithinAFifth) {
  const auto& [version, sequence] = GetParam();
  const auto model = source("backends/worker/models/tiny") / version;
  std::vector<std::int32_t> ids{1, 442, 266, 13, 75, 545, 114, 36, 2, 13, 1, 100, 405, 804, 296, 119, 13};
  if (sequence.seed != 0) {
    Random random(sequence.seed);
    ids.resize(sequence.length);
    for (std::int32_t& id : ids)
      id = static_cast<std::int32_t>(random.below(1024));
  }
  const std::vector<double> expected = reference_logits(model, ids);
  for (const DeviceCase& device : device_cases()) {
    const double tolerance = device.precision == Precision::kFloat32 ? 1e-4 : 0.2;
    const std::vector<float> logits = engine_logits(*device.make(), model, ids);
    ASSERT_EQ(expected.size(), logits.size())
        << "the reference needs /usr/bin/python3 with NumPy (scripts/setup)";
    for (std::size_t i = 0; i < logits.size(); ++i) {
      ASSERT_NEAR(logits[i], expected[i], tolerance)
          << device.name << ": position " << i / 1024 << " token " << i % 1024;
    }
  }
}

}  // namespace
}  // namespace sluice::worker
