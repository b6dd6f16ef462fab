#include "backends/worker/model/placement.h"

namespace sluice::worker {
namespace {

constexpr std::int64_t kSmallHiddenSize = 512;

}  // namespace

Precision precision_for(std::string_view dtype, const ModelConfig& config) {
  if (dtype == "bfloat16") return Precision::kBfloat16;
  if (dtype == "float32" || config.hidden_size <= kSmallHiddenSize) return Precision::kFloat32;
  return config.dtype == "bfloat16" ? Precision::kBfloat16 : Precision::kFloat32;
}

std::size_t threads_for(const ModelConfig& config, std::size_t processors) {
  return config.hidden_size <= kSmallHiddenSize || processors < 2 ? 1 : processors - 1;
}

}  // namespace sluice::worker
