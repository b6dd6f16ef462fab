#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "backends/worker/device/bfloat16.h"
#include "backends/worker/device/device.h"
#include "tests/backends/worker/device_cases.h"

namespace sluice::worker {

inline std::vector<float> random_values(std::size_t count, unsigned seed) {
  std::mt19937 dice(seed);
  std::normal_distribution<float> normal;
  std::vector<float> values(count);
  for (float& value : values)
    value = normal(dice);
  return values;
}

// One device of `device_cases`.
class DeviceTest : public ::testing::TestWithParam<DeviceCase> {
 protected:
  std::vector<float> contents(const Buffer& buffer) {
    std::vector<float> values(buffer.size());
    device_->read(buffer, 0, values);
    return values;
  }

  std::unique_ptr<Matrix> matrix(const std::vector<float>& values, std::size_t rows, std::size_t columns,
                                 MatrixUse use = MatrixUse::kProducts) {
    std::size_t next = 0;
    return device_->upload_matrix(rows, columns, use, [&](std::span<float> piece) {
      std::copy_n(values.begin() + static_cast<std::ptrdiff_t>(next), piece.size(), piece.begin());
      next += piece.size();
    });
  }

  // What the device keeps of a weight, a key or a value.
  float kept(float value) const {
    return GetParam().precision == Precision::kFloat32 ? value : from_bfloat16(to_bfloat16(value));
  }

  std::unique_ptr<Device> device_ = GetParam().make();
};

}  // namespace sluice::worker
