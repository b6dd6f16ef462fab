#include "backends/worker/model/placement.h"

#include <gtest/gtest.h>

namespace sluice::worker {
namespace {

ModelConfig model_of(std::int64_t hidden_size, const char* dtype) {
  ModelConfig config;
  config.hidden_size = hidden_size;
  config.dtype = dtype;
  return config;
}

TEST(Placement, AutoIsBfloat16OnlyForLargeModelsSavedInIt) {
  EXPECT_EQ(precision_for("auto", model_of(512, "bfloat16")), Precision::kFloat32);
  EXPECT_EQ(precision_for("auto", model_of(768, "bfloat16")), Precision::kBfloat16);
  EXPECT_EQ(precision_for("auto", model_of(768, "float16")), Precision::kFloat32);
  EXPECT_EQ(precision_for("auto", model_of(768, "")), Precision::kFloat32);
}

TEST(Placement, WhatIsAskedForIsDone) {
  EXPECT_EQ(precision_for("float32", model_of(4096, "bfloat16")), Precision::kFloat32);
  EXPECT_EQ(precision_for("bfloat16", model_of(128, "float32")), Precision::kBfloat16);
}

TEST(Placement, SmallModelsComputeOnOneThreadAndLargeOnesOnAllButOne) {
  EXPECT_EQ(threads_for(model_of(512, ""), 8), 1u);
  EXPECT_EQ(threads_for(model_of(768, ""), 8), 7u);
  EXPECT_EQ(threads_for(model_of(768, ""), 2), 1u);
  EXPECT_EQ(threads_for(model_of(768, ""), 1), 1u);
  EXPECT_EQ(threads_for(model_of(768, ""), 0), 1u);
}

}  // namespace
}  // namespace sluice::worker
