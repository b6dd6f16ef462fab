// Matrix products and lookups, on every device.

#include <gmock/gmock.h>

#include <cmath>

#include "tests/backends/worker/device/device_fixture.h"

namespace sluice::worker {
namespace {

class MatrixProducts : public DeviceTest {};
INSTANTIATE_TEST_SUITE_P(Devices, MatrixProducts, ::testing::ValuesIn(device_cases()),
                         [](const auto& test) { return test.param.name; });

TEST_P(MatrixProducts, OfAnySizeEqualTheDefinition) {
  for (const std::size_t columns : {1, 15, 16, 17, 40, 64, 301, 512}) {
    for (const std::size_t outputs : {1, 16, 37, 130}) {
      const auto weight = random_values(outputs * columns, 2);
      const auto bias = random_values(outputs, 3);
      const auto packed = matrix(weight, outputs, columns);
      for (const std::size_t rows : {1, 2, 3, 5, 6, 7, 13, 67, 200}) {
        if (rows * columns * outputs > 2'000'000) continue;
        const auto in = random_values(rows * columns, 1);
        const auto out = device_->allocate(rows * outputs);
        device_->matmul(*device_->upload(in), rows, *packed, device_->upload(bias).get(), *out);
        const auto got = contents(*out);
        const double tolerance = 1e-4 + (GetParam().rounds_input ? std::sqrt(columns) * 0x1p-7 : 0);
        for (std::size_t r = 0; r < rows; ++r) {
          for (std::size_t o = 0; o < outputs; ++o) {
            double expected = bias[o];
            for (std::size_t i = 0; i < columns; ++i)
              expected += double{in[r * columns + i]} * kept(weight[o * columns + i]);
            ASSERT_NEAR(got[r * outputs + o], expected, tolerance)
                << rows << "x" << columns << "x" << outputs;
          }
        }
      }
    }
  }
}

TEST_P(MatrixProducts, OfARowAreTheSameToTheBitAloneAndInEveryBatchAndPlace) {
  if (!GetParam().invariant) GTEST_SKIP() << "not promised for " << GetParam().name;
  const std::size_t columns = 530;
  const std::size_t outputs = 135;
  const std::size_t most = 210;
  const auto packed = matrix(random_values(outputs * columns, 4), outputs, columns);
  const auto rows = random_values(most * columns, 5);
  const auto bias = device_->upload(random_values(outputs, 6));
  const auto product = [&](std::size_t first, std::size_t count) {
    const auto out = device_->allocate(count * outputs);
    device_->matmul(*device_->upload(std::span(rows).subspan(first * columns, count * columns)), count,
                    *packed, bias.get(), *out);
    return contents(*out);
  };
  std::vector<float> alone;
  for (std::size_t r = 0; r < most; ++r) {
    const auto one = product(r, 1);
    alone.insert(alone.end(), one.begin(), one.end());
  }
  std::vector<std::size_t> counts{100, most};
  for (std::size_t count = 2; count <= 64; ++count)
    counts.push_back(count);
  for (const std::size_t count : counts) {
    const std::size_t first = (count * 37) % (most - count + 1);
    const auto batch = product(first, count);
    for (std::size_t i = 0; i < batch.size(); ++i)
      ASSERT_EQ(batch[i], alone[first * outputs + i]) << "row " << i / outputs << " of " << count;
  }
}

TEST_P(MatrixProducts, LeaveValuesBehindTheirRowsAlone) {
  const auto packed = matrix(random_values(5 * 7, 1), 5, 7);
  const auto out = device_->upload(std::vector<float>(4 * 5, 42));
  device_->matmul(*device_->upload(random_values(3 * 7, 2)), 3, *packed, nullptr, *out);
  const auto got = contents(*out);
  EXPECT_THAT(std::vector<float>(got.begin() + 15, got.end()), ::testing::Each(42));
}

TEST_P(MatrixProducts, TablesAreLookedUpByRowWhetherOrNotTheyAreMultipliedToo) {
  for (const std::size_t columns : {7, 64}) {
    const auto table = random_values(50 * columns, 7);
    for (const MatrixUse use : {MatrixUse::kLookups, MatrixUse::kBoth}) {
      const auto uploaded = matrix(table, 50, columns, use);
      const std::vector<std::int32_t> tokens{49, 0, 16, 15, 16};
      const auto out = device_->allocate(tokens.size() * columns);
      device_->embed(*uploaded, tokens, *out);
      const auto got = contents(*out);
      for (std::size_t i = 0; i < tokens.size(); ++i) {
        for (std::size_t c = 0; c < columns; ++c)
          ASSERT_EQ(got[i * columns + c], kept(table[static_cast<std::size_t>(tokens[i]) * columns + c]));
      }
    }
  }
}

TEST_P(MatrixProducts, WeightsAreTakenInPiecesOfWholeRows) {
  const std::size_t columns = 1000;
  const std::size_t rows = 1500;
  std::size_t taken = 0;
  std::size_t largest = 0;
  device_->upload_matrix(rows, columns, MatrixUse::kProducts, [&](std::span<float> piece) {
    EXPECT_EQ(piece.size() % columns, 0u);
    taken += piece.size();
    largest = std::max(largest, piece.size());
  });
  EXPECT_EQ(taken, rows * columns);
  EXPECT_LE(largest, Device::kUploadPiece);
}

TEST_P(MatrixProducts, WhatTheSourceThrowsEndsTheUpload) {
  EXPECT_THROW(device_->upload_matrix(4, 4, MatrixUse::kProducts,
                                      [](std::span<float>) { throw std::runtime_error("file ended"); }),
               std::runtime_error);
}

}  // namespace
}  // namespace sluice::worker
