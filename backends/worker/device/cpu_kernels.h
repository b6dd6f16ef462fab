#pragma once

#include <cstddef>
#include <cstdint>

namespace sluice::worker {

// One query head of one row over its sequence's cache.
struct AttentionHead {
  const float* query;
  const float* keys;    // the cache, at this head's first value
  const float* values;  // likewise
  const std::int32_t* blocks;
  std::int32_t block_size;
  std::int32_t positions;  // how many are attended to
  std::size_t slot_stride;
  std::size_t head_dim;
  float scale;
  float* scores;  // room for `positions` values
  float* out;
};

// The loops that take the time, compiled once per level of the x86-64 instruction set and chosen when the
// device is made. Every level adds in the same order (16 lanes, then a fixed tree); levels differ only in
// whether a product is rounded before it is added.
struct CpuKernels {
  const char* level;
  void (*matmul)(const float* in, std::size_t rows, const float* weight, std::size_t columns,
                 std::size_t outputs, const float* bias, float* out);
  void (*rms_norm)(const float* in, std::size_t rows, std::size_t columns, const float* weight, float epsilon,
                   float* out);
  void (*attention_head)(const AttentionHead& head);
  void (*silu_mul)(const float* gate, const float* up, std::size_t count, float* out);
};

extern const CpuKernels kBaselineKernels;
#ifdef SLUICE_X86_64_LEVELS
extern const CpuKernels kX86V3Kernels;  // AVX2 and FMA
extern const CpuKernels kX86V4Kernels;  // AVX-512
#endif

// The best level this processor can run.
const CpuKernels& best_cpu_kernels();

}  // namespace sluice::worker
