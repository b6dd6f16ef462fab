#pragma once

// What is computed value by value or row by row: part of cpu_kernels_impl.h, whose rules hold here too.

#include "backends/worker/device/cpu_lanes.h"

namespace sluice::worker {
namespace {

void rms_norm(const float* in, std::size_t rows, std::size_t columns, const float* weight, float epsilon,
              float* out) {
  for (std::size_t row = 0; row < rows; ++row, in += columns, out += columns) {
    Lanes squares{};
    std::size_t i = 0;
    for (; i + kLanes <= columns; i += kLanes) {
      const Lanes lanes = load(in + i);
      squares += lanes * lanes;
    }
    if (i < columns) {
      const Lanes lanes = load_some(in + i, columns - i);
      squares += lanes * lanes;
    }
    const float mean = sum(squares) / static_cast<float>(columns);
    const float factor = 1.0F / __builtin_sqrtf(mean + epsilon);
    for (i = 0; i + kLanes <= columns; i += kLanes)
      store(out + i, load(in + i) * factor * load(weight + i));
    for (; i < columns; ++i)
      out[i] = in[i] * factor * weight[i];
  }
}

void rope(float* values, std::size_t heads, std::size_t head_dim, const float* cosines, const float* sines) {
  const std::size_t half = head_dim / 2;
  for (std::size_t h = 0; h < heads; ++h, values += head_dim) {
    std::size_t i = 0;
    for (; i + kLanes <= half; i += kLanes) {
      const Lanes first = load(values + i);
      const Lanes second = load(values + half + i);
      store(values + i, first * load(cosines + i) - second * load(sines + i));
      store(values + half + i, second * load(cosines + i) + first * load(sines + i));
    }
    for (; i < half; ++i) {
      const float first = values[i];
      const float second = values[half + i];
      values[i] = first * cosines[i] - second * sines[i];
      values[half + i] = second * cosines[i] + first * sines[i];
    }
  }
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

void add(float* values, const float* addend, std::size_t count) {
  std::size_t i = 0;
  for (; i + kLanes <= count; i += kLanes)
    store(values + i, load(values + i) + load(addend + i));
  for (; i < count; ++i)
    values[i] += addend[i];
}

std::size_t argmax(const float* values, std::size_t count) {
  Lanes most = splat(-__builtin_inff());
  std::size_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    const Lanes lanes = load(values + i);
    most = lanes > most ? lanes : most;
  }
  float best = largest(most);
  for (; i < count; ++i)
    best = values[i] > best ? values[i] : best;
  for (i = 0; i < count; ++i) {
    if (values[i] == best) return i;
  }
  return 0;
}

}  // namespace
}  // namespace sluice::worker
