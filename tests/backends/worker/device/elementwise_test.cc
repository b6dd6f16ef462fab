// What is computed value by value or row by row, on every device.

#include <gmock/gmock.h>

#include <cmath>
#include <limits>

#include "tests/backends/worker/device/device_fixture.h"

namespace sluice::worker {
namespace {

class Elementwise : public DeviceTest {};
INSTANTIATE_TEST_SUITE_P(Devices, Elementwise, ::testing::ValuesIn(device_cases()),
                         [](const auto& test) { return test.param.name; });

TEST_P(Elementwise, RmsNormScalesEachRowToUnitMeanSquare) {
  for (const std::size_t columns : {21, 64}) {
    const auto in = random_values(3 * columns, 6);
    const auto weight = random_values(columns, 7);
    const auto out = device_->allocate(in.size());
    device_->rms_norm(*device_->upload(in), 3, *device_->upload(weight), 1e-5F, *out);
    const auto got = contents(*out);
    for (std::size_t r = 0; r < 3; ++r) {
      double squares = 0;
      for (std::size_t i = 0; i < columns; ++i)
        squares += double{in[r * columns + i]} * in[r * columns + i];
      const double factor = 1 / std::sqrt(squares / static_cast<double>(columns) + 1e-5);
      for (std::size_t i = 0; i < columns; ++i)
        ASSERT_NEAR(got[r * columns + i], in[r * columns + i] * factor * weight[i], 1e-5);
    }
  }
}

TEST_P(Elementwise, RopeTurnsPairsOfEachHeadByTheAngleOfTheirRowsPosition) {
  for (const std::size_t half : {3, 16, 20}) {
    const auto values = random_values(2 * 2 * 2 * half, 1);
    const auto angles = random_values(10 * half, 2);
    std::vector<float> cosines, sines;
    for (const float angle : angles) {
      cosines.push_back(std::cos(angle));
      sines.push_back(std::sin(angle));
    }
    const auto buffer = device_->upload(values);
    const std::vector<std::int32_t> positions{9, 4};
    device_->rope(*buffer, positions, 2, static_cast<std::int32_t>(2 * half), *device_->upload(cosines),
                  *device_->upload(sines));
    const auto got = contents(*buffer);
    for (std::size_t head = 0; head < 4; ++head) {
      for (std::size_t i = 0; i < half; ++i) {
        const std::size_t angle = static_cast<std::size_t>(positions[head / 2]) * half + i;
        const double a = values[head * 2 * half + i];
        const double b = values[head * 2 * half + half + i];
        ASSERT_NEAR(got[head * 2 * half + i], a * cosines[angle] - b * sines[angle], 1e-6);
        ASSERT_NEAR(got[head * 2 * half + half + i], b * cosines[angle] + a * sines[angle], 1e-6);
      }
    }
  }
}

TEST_P(Elementwise, SiluTimesUpHoldsOverTheWholeRange) {
  std::vector<float> gate;
  for (float value = -120; value <= 120; value += 0.002F)  // enough for several threads
    gate.push_back(value);
  const auto up = random_values(gate.size(), 8);
  const auto out = device_->allocate(gate.size());
  device_->silu_mul(*device_->upload(gate), *device_->upload(up), gate.size(), *out);
  const auto got = contents(*out);
  for (std::size_t i = 0; i < gate.size(); ++i) {
    const double expected = gate[i] / (1 + std::exp(-double{gate[i]})) * up[i];
    ASSERT_NEAR(got[i], expected, 1e-6 * (1 + std::abs(expected))) << gate[i];
  }
}

TEST_P(Elementwise, AddAndGatherTakeTheRowsTheyAreTold) {
  const auto values = device_->upload(random_values(5 * 19, 1));
  const auto before = contents(*values);
  const auto addend = random_values(3 * 19, 2);
  device_->add(*values, *device_->upload(addend), addend.size());
  const auto sums = contents(*values);
  for (std::size_t i = 0; i < sums.size(); ++i)
    ASSERT_EQ(sums[i], before[i] + (i < addend.size() ? addend[i] : 0.0F));
  const auto out = device_->allocate(2 * 19);
  const std::vector<std::int32_t> rows{4, 1};
  device_->gather(*values, rows, 19, *out);
  const auto got = contents(*out);
  for (std::size_t i = 0; i < got.size(); ++i)
    ASSERT_EQ(got[i], sums[(i < 19 ? 4 : 0) * 19 + i]);
}

TEST_P(Elementwise, ArgmaxTakesTheLowestOfEquals) {
  const auto logits = device_->upload(std::vector<float>{1, 5, 5, 2, 7, 7, 7, 0});
  std::vector<std::int32_t> best(2);
  device_->argmax(*logits, 2, 4, best);
  EXPECT_THAT(best, ::testing::ElementsAre(1, 0));
}

TEST_P(Elementwise, ArgmaxFindsTheLargestInAnyPlaceOfARow) {
  for (const std::size_t columns : {1, 16, 37, 200}) {
    for (std::size_t place = 0; place < columns; ++place) {
      std::vector<float> row(columns, -3);
      row[place] = -2;
      std::vector<std::int32_t> best(1);
      device_->argmax(*device_->upload(row), 1, columns, best);
      ASSERT_EQ(best[0], static_cast<std::int32_t>(place));
    }
  }
}

TEST_P(Elementwise, AHostViewIsWhatReadCopies) {
  const auto buffer = device_->upload(random_values(40, 3));
  const float* view = device_->host_view(*buffer);
  if (view == nullptr) GTEST_SKIP() << "no memory of the host";
  EXPECT_EQ(std::vector<float>(view, view + 40), contents(*buffer));
}

}  // namespace
}  // namespace sluice::worker
