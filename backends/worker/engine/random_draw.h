#pragma once

#include <cstdint>

namespace sluice::worker {

// SplitMix64's finaliser (Steele, Lea, Flood 2014): a bijection that spreads every bit over all others.
constexpr std::uint64_t mix_bits(std::uint64_t value) noexcept {
  value += 0x9E3779B97F4A7C15U;
  value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9U;
  value = (value ^ (value >> 27)) * 0x94D049BB133111EBU;
  return value ^ (value >> 31);
}

// The index-th number of the sequence that `seed` names, uniform in [0, 1). It depends on nothing else, so
// that an answer draws the same numbers whatever it is batched with and however often it is preempted.
constexpr double random_draw(std::uint64_t seed, std::uint64_t index) noexcept {
  return static_cast<double>(mix_bits(mix_bits(seed) ^ mix_bits(~index)) >> 11) * 0x1.0p-53;
}

}  // namespace sluice::worker
