#include "backends/worker/device/cpu_device.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <stdexcept>

#include "backends/worker/device/bfloat16.h"
#include "backends/worker/device/make_device.h"

namespace sluice::worker {
namespace {

using ::testing::HasSubstr;

TEST(CpuDevice, ItsNameSaysWhatItComputesWith) {
  CpuDevice device({.precision = Precision::kBfloat16,
                    .threads = 2,
                    .products = Products::kOwn,
                    .kernels = &kBaselineKernels});
  EXPECT_EQ(device.name(), "cpu (baseline, bfloat16, 2 threads)");
  EXPECT_EQ(device.precision(), Precision::kBfloat16);
}

TEST(CpuDevice, ComputesF32WithItsOwnProductsUnlessToldOtherwise) {
  EXPECT_EQ(CpuDevice().products(), Products::kOwn);
}

TEST(CpuDevice, ProductsThatCannotBeHadAreRefused) {
  if (onednn_can_run(Precision::kBfloat16)) GTEST_SKIP() << "this machine has them";
  EXPECT_THROW(CpuDevice({.precision = Precision::kBfloat16, .products = Products::kOneDnn}),
               std::invalid_argument);
}

TEST(MakeDevice, TakesTheProcessorUnlessCudaIsAskedFor) {
  EXPECT_THAT(make_device({})->name(), HasSubstr("cpu ("));
  EXPECT_THAT(make_device({.kind = DeviceKind::kCpu, .threads = 2})->name(), HasSubstr("2 threads"));
  try {
    make_device({.kind = DeviceKind::kCuda});
    ADD_FAILURE() << "made a device";
  } catch (const std::invalid_argument& refusal) {
    EXPECT_THAT(refusal.what(), HasSubstr("no CUDA device"));
  }
}

TEST(Bfloat16, RoundsToTheNearestTiesToEvenAndKeepsSpecialValues) {
  EXPECT_EQ(to_bfloat16(1.0F), 0x3F80);
  EXPECT_EQ(to_bfloat16(1.0F + 0x1p-8F), 0x3F80);             // a tie, to even
  EXPECT_EQ(to_bfloat16(1.0F + 0x3p-8F), 0x3F82);             // a tie, to even
  EXPECT_EQ(to_bfloat16(1.0F + 0x1p-8F + 0x1p-20F), 0x3F81);  // above it
  EXPECT_EQ(to_bfloat16(std::numeric_limits<float>::max()), 0x7F80);
  EXPECT_EQ(to_bfloat16(-std::numeric_limits<float>::infinity()), 0xFF80);
  EXPECT_TRUE(std::isnan(from_bfloat16(to_bfloat16(std::numeric_limits<float>::quiet_NaN()))));
  for (std::uint32_t value = 0; value < 0x7F80; ++value)
    ASSERT_EQ(to_bfloat16(from_bfloat16(static_cast<std::uint16_t>(value))), value);
}

}  // namespace
}  // namespace sluice::worker
