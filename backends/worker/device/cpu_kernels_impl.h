// The kernels of cpu_kernels.h, included once per instruction-set level by cpu_kernels_<level>.cc, which
// defines SLUICE_KERNELS (the table's name), SLUICE_LEVEL and the tile that fits the level's registers.
//
// No header with inline functions may be included here: the linker keeps one copy of each, and it could be
// the one compiled for a processor that is not there. Everything below is internal to its file for the same
// reason.

#include "backends/worker/device/cpu_kernels.h"

namespace sluice::worker {
namespace {

constexpr std::size_t kLanes = 16;
typedef float Lanes __attribute__((vector_size(kLanes * sizeof(float))));
typedef std::int32_t IntLanes __attribute__((vector_size(kLanes * sizeof(std::int32_t))));
typedef float Half __attribute__((vector_size(32)));
typedef float Quarter __attribute__((vector_size(16)));

#define SLUICE_INLINE inline __attribute__((always_inline))

SLUICE_INLINE Lanes load(const float* from) {
  Lanes lanes;
  __builtin_memcpy(&lanes, from, sizeof(lanes));
  return lanes;
}

SLUICE_INLINE Lanes load_some(const float* from, std::size_t count) {
  Lanes lanes{};
  __builtin_memcpy(&lanes, from, count * sizeof(float));
  return lanes;
}

SLUICE_INLINE void store(float* to, Lanes lanes) {
  __builtin_memcpy(to, &lanes, sizeof(lanes));
}

SLUICE_INLINE void store_some(float* to, Lanes lanes, std::size_t count) {
  __builtin_memcpy(to, &lanes, count * sizeof(float));
}

SLUICE_INLINE float sum(Lanes lanes) {
  const Half half = __builtin_shufflevector(lanes, lanes, 0, 1, 2, 3, 4, 5, 6, 7) +
                    __builtin_shufflevector(lanes, lanes, 8, 9, 10, 11, 12, 13, 14, 15);
  const Quarter quarter =
      __builtin_shufflevector(half, half, 0, 1, 2, 3) + __builtin_shufflevector(half, half, 4, 5, 6, 7);
  return (quarter[0] + quarter[2]) + (quarter[1] + quarter[3]);
}

SLUICE_INLINE Lanes splat(float value) {
  return Lanes{} + value;
}

// e^x to about 2 units in the last place: x = n ln 2 + r, |r| ≤ ln 2 / 2, a Taylor polynomial of degree 7 for
// e^r, and 2^n by writing n into the exponent. Below -87 the result is 1e-38 instead of smaller.
SLUICE_INLINE Lanes exp_lanes(Lanes x) {
  const Lanes low = splat(-87.0F);
  const Lanes high = splat(88.0F);
  x = x < low ? low : x;
  x = x > high ? high : x;
  // Adding 1.5 · 2^23 rounds to an integer and leaves it in the low bits.
  const Lanes rounder = splat(0x1.8p23F);
  const Lanes shifted = x * 1.44269504F + rounder;
  const Lanes n = shifted - rounder;
  Lanes r = x - n * 0.693145752F;  // ln 2 in two parts, the first exact in few bits
  r = r - n * 1.42860682e-6F;
  Lanes p = splat(1.0F / 5040);
  p = p * r + 1.0F / 720;
  p = p * r + 1.0F / 120;
  p = p * r + 1.0F / 24;
  p = p * r + 1.0F / 6;
  p = p * r + 0.5F;
  p = p * r + 1.0F;
  p = p * r + 1.0F;
  const IntLanes exponent = __builtin_convertvector(n, IntLanes);
  return p * (Lanes)((exponent + 127) << 23);
}

// Dot products of kRows rows with kOutputs weights at once, so that each value loaded is used several times.
// Each has an accumulator of its own and the same order of additions, whatever the tile.
template <std::size_t kRows, std::size_t kOutputs>
SLUICE_INLINE void dot_tile(const float* in, const float* weight, std::size_t columns, const float* bias,
                            float* out, std::size_t out_stride) {
  Lanes accumulators[kRows][kOutputs] = {};
  const auto step = [&](std::size_t at, auto load_at) __attribute__((always_inline)) {
    Lanes weights[kOutputs];
    for (std::size_t o = 0; o < kOutputs; ++o)
      weights[o] = load_at(weight + o * columns + at);
    for (std::size_t r = 0; r < kRows; ++r) {
      const Lanes values = load_at(in + r * columns + at);
      for (std::size_t o = 0; o < kOutputs; ++o)
        accumulators[r][o] += values * weights[o];
    }
  };
  std::size_t at = 0;
  for (; at + kLanes <= columns; at += kLanes)
    step(at, [](const float* from) { return load(from); });
  if (at < columns) step(at, [rest = columns - at](const float* from) { return load_some(from, rest); });
  for (std::size_t r = 0; r < kRows; ++r) {
    for (std::size_t o = 0; o < kOutputs; ++o) {
      out[r * out_stride + o] = sum(accumulators[r][o]) + (bias != nullptr ? bias[o] : 0.0F);
    }
  }
}

template <std::size_t kOutputs>
SLUICE_INLINE void matmul_outputs(const float* in, std::size_t rows, const float* weight, std::size_t columns,
                                  const float* bias, float* out, std::size_t out_stride) {
  std::size_t row = 0;
  for (; row + SLUICE_TILE_ROWS <= rows; row += SLUICE_TILE_ROWS) {
    dot_tile<SLUICE_TILE_ROWS, kOutputs>(in + row * columns, weight, columns, bias, out + row * out_stride,
                                         out_stride);
  }
  for (; row < rows; ++row) {
    dot_tile<1, kOutputs>(in + row * columns, weight, columns, bias, out + row * out_stride, out_stride);
  }
}

// Rows go in blocks that stay in the second-level cache while all weights pass by.
constexpr std::size_t kRowBlock = 64;

void matmul(const float* in, std::size_t rows, const float* weight, std::size_t columns, std::size_t outputs,
            const float* bias, float* out) {
  for (std::size_t first = 0; first < rows; first += kRowBlock) {
    const std::size_t count = rows - first < kRowBlock ? rows - first : kRowBlock;
    const float* block_in = in + first * columns;
    float* block_out = out + first * outputs;
    std::size_t o = 0;
    for (; o + SLUICE_TILE_OUTPUTS <= outputs; o += SLUICE_TILE_OUTPUTS) {
      matmul_outputs<SLUICE_TILE_OUTPUTS>(block_in, count, weight + o * columns, columns,
                                          bias != nullptr ? bias + o : nullptr, block_out + o, outputs);
    }
    for (; o < outputs; ++o) {
      matmul_outputs<1>(block_in, count, weight + o * columns, columns, bias != nullptr ? bias + o : nullptr,
                        block_out + o, outputs);
    }
  }
}

void rms_norm(const float* in, std::size_t rows, std::size_t columns, const float* weight, float epsilon,
              float* out) {
  for (std::size_t row = 0; row < rows; ++row, in += columns, out += columns) {
    float mean = 0;
    dot_tile<1, 1>(in, in, columns, nullptr, &mean, 1);
    mean /= static_cast<float>(columns);
    const float factor = 1.0F / __builtin_sqrtf(mean + epsilon);
    for (std::size_t i = 0; i < columns; ++i)
      out[i] = in[i] * factor * weight[i];
  }
}

SLUICE_INLINE std::size_t slot_of(const AttentionHead& head, std::int32_t position) {
  const std::int32_t block = head.blocks[position / head.block_size];
  return static_cast<std::size_t>(block) * static_cast<std::size_t>(head.block_size) +
         static_cast<std::size_t>(position % head.block_size);
}

// Turns scores into their exponentials relative to the largest; returns the sum.
SLUICE_INLINE float exponentials(float* scores, std::size_t count) {
  float largest = scores[0];
  for (std::size_t i = 1; i < count; ++i)
    largest = scores[i] > largest ? scores[i] : largest;
  float total = 0;
  std::size_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    const Lanes e = exp_lanes(load(scores + i) - largest);
    store(scores + i, e);
    total += sum(e);
  }
  if (i < count) {
    store_some(scores + i, exp_lanes(load_some(scores + i, count - i) - largest), count - i);
    for (; i < count; ++i)
      total += scores[i];
  }
  return total;
}

void attention_head(const AttentionHead& head) {
  for (std::int32_t p = 0; p < head.positions; ++p) {
    float score = 0;
    dot_tile<1, 1>(head.query, head.keys + slot_of(head, p) * head.slot_stride, head.head_dim, nullptr,
                   &score, 1);
    head.scores[p] = score * head.scale;
  }
  const float total = exponentials(head.scores, static_cast<std::size_t>(head.positions));
  for (std::size_t i = 0; i < head.head_dim; ++i)
    head.out[i] = 0;
  for (std::int32_t p = 0; p < head.positions; ++p) {
    const float* value = head.values + slot_of(head, p) * head.slot_stride;
    const float share = head.scores[p];
    for (std::size_t i = 0; i < head.head_dim; ++i)
      head.out[i] += share * value[i];
  }
  const float scale = 1.0F / total;
  for (std::size_t i = 0; i < head.head_dim; ++i)
    head.out[i] *= scale;
}

void silu_mul(const float* gate, const float* up, std::size_t count, float* out) {
  const auto silu = [](Lanes g, Lanes u)
                        __attribute__((always_inline)) { return g / (1.0F + exp_lanes(-g)) * u; };
  std::size_t i = 0;
  for (; i + kLanes <= count; i += kLanes)
    store(out + i, silu(load(gate + i), load(up + i)));
  if (i < count) {
    store_some(out + i, silu(load_some(gate + i, count - i), load_some(up + i, count - i)), count - i);
  }
}

}  // namespace

const CpuKernels SLUICE_KERNELS = {SLUICE_LEVEL, matmul, rms_norm, attention_head, silu_mul};

}  // namespace sluice::worker
