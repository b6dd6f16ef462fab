#pragma once

#include <cstddef>
#include <cstdint>

#include "backends/worker/device/cpu_kernels.h"
#include "backends/worker/device/cpu_matrix.h"
#include "backends/worker/device/cpu_memory.h"

namespace sluice::worker {

// Weights in panels (cpu_kernels.h) for our own products, f32 or bf16. Rows can be looked up in the panels,
// at one cache line for every one or two values: a table that is both looked up and multiplied is kept once.
//
// Products are the same to the bit for a row in every batch, with either precision: a bf16 is widened, which
// is exact, and multiplied and added in f32.
class PackedMatrix final : public CpuMatrix {
 public:
  // Throws std::bad_alloc, and what `source` throws.
  PackedMatrix(const CpuKernels& kernels, Precision precision, std::size_t rows, std::size_t columns,
               const RowSource& source);

  void multiply(const float* in, std::size_t rows, const float* bias, float* out,
                ThreadTeam& team) const override;
  void look_up(std::size_t row, float* out) const override;

 private:
  std::size_t panels() const noexcept { return (rows() + kPanel - 1) / kPanel; }
  std::size_t panel_bytes() const noexcept;
  void pack(const float* values, std::size_t first_row, std::size_t count);

  const CpuKernels& kernels_;
  const Precision precision_;
  CpuMemory memory_;
};

}  // namespace sluice::worker
