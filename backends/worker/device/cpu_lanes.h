#pragma once

// Vectors of 16 values, and the division of work into tiles that fit the registers: part of
// cpu_kernels_impl.h, whose rules hold here too.

#include "backends/worker/device/cpu_kernels.h"

namespace sluice::worker {
namespace {

constexpr std::size_t kLanes = kPanel;
typedef float Lanes __attribute__((vector_size(kLanes * sizeof(float))));
typedef std::int32_t IntLanes __attribute__((vector_size(kLanes * sizeof(std::int32_t))));
typedef std::uint32_t WordLanes __attribute__((vector_size(kLanes * sizeof(std::uint32_t))));
typedef std::uint16_t HalfLanes __attribute__((vector_size(kLanes * sizeof(std::uint16_t))));
typedef float Half __attribute__((vector_size(32)));
typedef float Quarter __attribute__((vector_size(16)));

#define SLUICE_INLINE inline __attribute__((always_inline))

template <std::size_t kValue>
struct Count {
  static constexpr std::size_t value = kValue;
};

SLUICE_INLINE Lanes load(const float* from) {
  Lanes lanes;
  __builtin_memcpy(&lanes, from, sizeof(lanes));
  return lanes;
}

// A bf16 is the upper half of an f32.
SLUICE_INLINE Lanes load(const std::uint16_t* from) {
  HalfLanes lanes;
  __builtin_memcpy(&lanes, from, sizeof(lanes));
  return (Lanes)(__builtin_convertvector(lanes, WordLanes) << 16);
}

SLUICE_INLINE float widen(float value) {
  return value;
}

SLUICE_INLINE float widen(std::uint16_t value) {
  const std::uint32_t word = static_cast<std::uint32_t>(value) << 16;
  float wide;
  __builtin_memcpy(&wide, &word, sizeof(wide));
  return wide;
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

SLUICE_INLINE float largest(Lanes lanes) {
  float most = lanes[0];
  for (std::size_t i = 1; i < kLanes; ++i)
    most = lanes[i] > most ? lanes[i] : most;
  return most;
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

constexpr std::size_t kTileRows = SLUICE_TILE_ROWS;

// How many groups of 16 lanes a tile of so many rows has beside each other.
constexpr std::size_t groups_for(std::size_t rows) {
  const std::size_t groups = SLUICE_TILE_LANES / rows;
  return groups < 1 ? 1 : groups > 6 ? 6 : groups;
}

// Calls body(Count<n>) with n = count, of 1 … kMost.
template <std::size_t kMost, typename Body>
SLUICE_INLINE void with_count(std::size_t count, Body body) {
  if constexpr (kMost > 1) {
    if (count < kMost) return with_count<kMost - 1>(count, body);
  }
  body(Count<kMost>{});
}

// Divides rows into the fewest tiles, of about the same size: body(first, Count<rows>).
template <typename Body>
SLUICE_INLINE void in_tiles(std::size_t rows, Body body) {
  std::size_t tiles = (rows + kTileRows - 1) / kTileRows;
  for (std::size_t row = 0; tiles > 0; --tiles) {
    const std::size_t count = (rows - row + tiles - 1) / tiles;
    with_count<kTileRows>(count, [&](auto size) __attribute__((always_inline)) { body(row, size); });
    row += count;
  }
}

}  // namespace
}  // namespace sluice::worker
