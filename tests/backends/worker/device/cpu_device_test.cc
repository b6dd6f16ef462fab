#include "backends/worker/device/cpu_device.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>
#include <vector>

namespace sluice::worker {
namespace {

std::vector<const CpuKernels*> levels_of_this_machine() {
  std::vector<const CpuKernels*> levels{&kBaselineKernels};
#ifdef SLUICE_X86_64_LEVELS
  if (__builtin_cpu_supports("x86-64-v3")) levels.push_back(&kX86V3Kernels);
  if (__builtin_cpu_supports("x86-64-v4")) levels.push_back(&kX86V4Kernels);
#endif
  return levels;
}

std::vector<float> random_values(std::size_t count, unsigned seed) {
  std::mt19937 dice(seed);
  std::normal_distribution<float> normal;
  std::vector<float> values(count);
  for (float& value : values)
    value = normal(dice);
  return values;
}

class CpuDeviceLevels : public ::testing::TestWithParam<const CpuKernels*> {
 protected:
  std::vector<float> contents(const Buffer& buffer) {
    std::vector<float> values(buffer.size());
    device_.read(buffer, 0, values);
    return values;
  }

  CpuDevice device_{*GetParam()};
};
INSTANTIATE_TEST_SUITE_P(Levels, CpuDeviceLevels, ::testing::ValuesIn(levels_of_this_machine()),
                         [](const auto& test) {
                           std::string name = test.param->level;
                           std::erase(name, '-');
                           return name;
                         });

TEST_P(CpuDeviceLevels, MatrixProductsOfAnySizeEqualTheDefinition) {
  for (const std::size_t columns : {1, 15, 16, 17, 40, 64}) {
    for (const std::size_t rows : {1, 2, 3, 4, 5, 67}) {
      const std::size_t outputs = columns % 7 + 1;
      const auto in = random_values(rows * columns, 1);
      const auto weight = random_values(outputs * columns, 2);
      const auto bias = random_values(outputs, 3);
      const auto out = device_.allocate(rows * outputs);
      device_.matmul(*device_.upload(in), rows, *device_.upload_matrix(weight, outputs, columns),
                     device_.upload(bias).get(), *out);
      const auto got = contents(*out);
      for (std::size_t r = 0; r < rows; ++r) {
        for (std::size_t o = 0; o < outputs; ++o) {
          double expected = bias[o];
          for (std::size_t i = 0; i < columns; ++i)
            expected += double{in[r * columns + i]} * weight[o * columns + i];
          ASSERT_NEAR(got[r * outputs + o], expected, 1e-4) << rows << "x" << columns << "x" << outputs;
        }
      }
    }
  }
}

TEST_P(CpuDeviceLevels, ARowsProductIsTheSameToTheBitInEveryBatch) {
  const std::size_t columns = 50;
  const std::size_t outputs = 23;
  const auto matrix = device_.upload_matrix(random_values(outputs * columns, 4), outputs, columns);
  const auto rows = random_values(70 * columns, 5);
  const auto together = device_.allocate(70 * outputs);
  device_.matmul(*device_.upload(rows), 70, *matrix, nullptr, *together);
  const auto all = contents(*together);
  for (std::size_t r = 0; r < 70; ++r) {
    const auto alone = device_.allocate(outputs);
    device_.matmul(*device_.upload(std::span(rows).subspan(r * columns, columns)), 1, *matrix, nullptr,
                   *alone);
    const auto one = contents(*alone);
    for (std::size_t o = 0; o < outputs; ++o)
      ASSERT_EQ(one[o], all[r * outputs + o]);
  }
}

TEST_P(CpuDeviceLevels, RmsNormScalesEachRowToUnitMeanSquare) {
  const auto in = random_values(3 * 21, 6);
  const auto weight = random_values(21, 7);
  const auto out = device_.allocate(in.size());
  device_.rms_norm(*device_.upload(in), 3, *device_.upload(weight), 1e-5F, *out);
  const auto got = contents(*out);
  for (std::size_t r = 0; r < 3; ++r) {
    double squares = 0;
    for (std::size_t i = 0; i < 21; ++i)
      squares += double{in[r * 21 + i]} * in[r * 21 + i];
    for (std::size_t i = 0; i < 21; ++i) {
      ASSERT_NEAR(got[r * 21 + i], in[r * 21 + i] / std::sqrt(squares / 21 + 1e-5) * weight[i], 1e-5);
    }
  }
}

TEST_P(CpuDeviceLevels, SiluTimesUpHoldsOverTheWholeRange) {
  std::vector<float> gate;
  for (float value = -120; value <= 120; value += 0.37F)
    gate.push_back(value);
  const auto up = random_values(gate.size(), 8);
  const auto out = device_.allocate(gate.size());
  device_.silu_mul(*device_.upload(gate), *device_.upload(up), gate.size(), *out);
  const auto got = contents(*out);
  for (std::size_t i = 0; i < gate.size(); ++i) {
    const double expected = gate[i] / (1 + std::exp(-double{gate[i]})) * up[i];
    ASSERT_NEAR(got[i], expected, 1e-6 * (1 + std::abs(expected))) << gate[i];
  }
}

TEST_P(CpuDeviceLevels, AttentionWeighsTheValuesOfTheSequencesOwnBlocksUpToItsPosition) {
  const HeadShape shape{4, 2, 6};
  const std::vector<std::int32_t> blocks{3, 0, 2};  // of 8 slots each
  const auto keys = random_values(4 * 8 * 12, 9);
  const auto values = random_values(4 * 8 * 12, 10);
  const auto queries = random_values(2 * 24, 11);
  const auto out = device_.allocate(2 * 24);
  const SequenceRows rows{0, 2, 19, blocks};
  device_.attention(*device_.upload(queries), *device_.upload(keys), *device_.upload(values), shape, 8,
                    std::span(&rows, 1), *out);
  const auto got = contents(*out);
  const auto slot = [&](std::size_t p) { return static_cast<std::size_t>(blocks[p / 8]) * 8 + p % 8; };
  for (std::size_t r = 0; r < 2; ++r) {
    for (std::size_t h = 0; h < 4; ++h) {
      std::vector<double> shares;
      double total = 0;
      for (std::size_t p = 0; p < 20 + r; ++p) {
        double score = 0;
        for (std::size_t i = 0; i < 6; ++i)
          score += double{queries[r * 24 + h * 6 + i]} * keys[slot(p) * 12 + h / 2 * 6 + i];
        shares.push_back(std::exp(score / std::sqrt(6.0)));
        total += shares.back();
      }
      for (std::size_t i = 0; i < 6; ++i) {
        double expected = 0;
        for (std::size_t p = 0; p < shares.size(); ++p)
          expected += shares[p] / total * values[slot(p) * 12 + h / 2 * 6 + i];
        ASSERT_NEAR(got[r * 24 + h * 6 + i], expected, 1e-5);
      }
    }
  }
}

TEST_P(CpuDeviceLevels, ArgmaxTakesTheLowestOfEqualsAndNeverAMaskedOne) {
  const auto logits = device_.upload(std::vector<float>{1, 5, 5, 2, 7, 7, 7, 0});
  std::vector<std::int32_t> best(2);
  device_.argmax(*logits, 2, 4, best);
  EXPECT_THAT(best, ::testing::ElementsAre(1, 0));
  const std::vector<std::int32_t> banned{0, 2};
  device_.mask(*logits, 1, 4, banned);
  device_.argmax(*logits, 2, 4, best);
  EXPECT_THAT(best, ::testing::ElementsAre(1, 1));
}

}  // namespace
}  // namespace sluice::worker
