#pragma once

#include <cstddef>

#include "backends/worker/device/device.h"
#include "backends/worker/device/thread_team.h"

namespace sluice::worker {

// A matrix of the CPU device: each implementation is one way to keep and multiply weights.
class CpuMatrix : public Matrix {
 public:
  // out[rows, this->rows()] = in[rows, columns()] · thisᵀ (+ bias, unless nullptr)
  virtual void multiply(const float* in, std::size_t rows, const float* bias, float* out,
                        ThreadTeam& team) const = 0;
  // Writes the columns() values of one row.
  virtual void look_up(std::size_t row, float* out) const = 0;

 protected:
  using Matrix::Matrix;
};

}  // namespace sluice::worker
