// onednn.h for builds without oneDNN.

#include <stdexcept>

#include "backends/worker/device/onednn.h"

namespace sluice::worker {

struct OneDnn::State {};

bool onednn_can_run(Precision /*precision*/) {
  return false;
}

bool onednn_gains(Precision /*precision*/) {
  return false;
}

OneDnn::OneDnn(std::size_t /*threads*/) {
  throw std::runtime_error("this build has no oneDNN");
}

OneDnn::~OneDnn() = default;

std::unique_ptr<CpuMatrix> OneDnn::pack(Precision, std::size_t, std::size_t, MatrixUse, const RowSource&) {
  return nullptr;
}

}  // namespace sluice::worker
