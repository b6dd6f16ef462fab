#pragma once

#include <cstddef>
#include <cstdint>

namespace sluice::worker {

// Weights are packed in panels of so many outputs, one behind the other:
//   f32   [panel][column][kPanel]
//   bf16  [panel][column / 2][kPanel][2]: two columns in a 32-bit word, the even one in the lower half
// The last panel is filled up with zeros, as is the last pair of an odd number of columns. A product reads a
// panel from front to back, for however many rows, and adds column by column: the order of additions is the
// same for every row of every batch.
inline constexpr std::size_t kPanel = 16;

// out[row, output] = Σ in[row, column] · weight[output, column] (+ bias[output])
struct Product {
  const float* in;  // [rows, columns]
  std::size_t rows;
  std::size_t columns;
  const void* panels;  // from the first output on
  std::size_t outputs;
  const float* bias;  // or nullptr
  float* out;
  std::size_t out_stride;  // values between rows of `out`
};

// Cached keys lie [block][head][head_dim][block_size], so that one load has the same value of 16 positions;
// values lie [block][head][block_size][padded head_dim]. Keys and values are f32 or bf16.
//
// The softmax runs along the cache in chunks that begin at multiples of kAttentionChunk positions of the
// sequence: a query's result does not depend on the queries that pass over the cache with it.
inline constexpr std::size_t kAttentionChunk = 64;
// Queries that share a pass over the cache. Their scores and sums should stay in the first-level cache.
inline constexpr std::size_t kMostQueries = 32;

struct AttentionTile {
  const float* queries[kMostQueries];
  float* outs[kMostQueries];
  std::int32_t lengths[kMostQueries];  // positions that each attends to, from the sequence's first on
  std::size_t count;
  const void* keys;  // of this head in block 0
  const void* values;
  std::size_t key_block;    // values between blocks of keys
  std::size_t value_block;  // and between blocks of values
  const std::int32_t* blocks;
  std::size_t block_size;
  std::size_t head_dim;
  float scale;
  float* scratch;  // attention_scratch(head_dim) values
};

// (static: see cpu_kernels_impl.h about functions that the linker keeps one copy of.)
static constexpr std::size_t padded_head_dim(std::size_t head_dim) {
  return (head_dim + kPanel - 1) / kPanel * kPanel;
}
// Scores, sums, and keys gathered from blocks that are no multiple of 16 tokens.
static constexpr std::size_t attention_scratch(std::size_t head_dim) {
  return kMostQueries * (kAttentionChunk + padded_head_dim(head_dim)) + head_dim * kAttentionChunk;
}

// The loops that take the time, compiled once per level of the x86-64 instruction set and chosen when the
// device is made. Every level adds in the same order; levels differ only in whether a product is rounded
// before it is added.
struct CpuKernels {
  const char* level;
  void (*matmul_f32)(const Product& product);
  void (*matmul_bf16)(const Product& product);
  void (*attention_f32)(const AttentionTile& tile);
  void (*attention_bf16)(const AttentionTile& tile);
  void (*rms_norm)(const float* in, std::size_t rows, std::size_t columns, const float* weight, float epsilon,
                   float* out);
  // `heads` heads of one row; cosines and sines are those of its position.
  void (*rope)(float* values, std::size_t heads, std::size_t head_dim, const float* cosines,
               const float* sines);
  void (*silu_mul)(const float* gate, const float* up, std::size_t count, float* out);
  void (*add)(float* values, const float* addend, std::size_t count);
  std::size_t (*argmax)(const float* values, std::size_t count);
};

extern const CpuKernels kBaselineKernels;
#ifdef SLUICE_X86_64_LEVELS
extern const CpuKernels kX86V3Kernels;  // AVX2 and FMA
extern const CpuKernels kX86V4Kernels;  // AVX-512
#endif

// The best level this processor can run.
const CpuKernels& best_cpu_kernels();

}  // namespace sluice::worker
