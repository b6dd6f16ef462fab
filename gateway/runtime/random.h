#pragma once

#include <cstdint>

namespace sluice {

// The gateway's dice: xoshiro256** (Blackman and Vigna 2018), seeded once per shard. Not for secrets.
// Threads: one.
class Random {
 public:
  explicit Random(std::uint64_t seed) noexcept;

  std::uint64_t next() noexcept;
  // Uniform in [0, bound); bound > 0 (Lemire 2019, without the rejection step: bias below bound / 2^64).
  std::uint64_t below(std::uint64_t bound) noexcept {
    return static_cast<std::uint64_t>((static_cast<unsigned __int128>(next()) * bound) >> 64);
  }

 private:
  std::uint64_t state_[4];
};

// A seed from the operating system; main() calls it once per shard.
std::uint64_t system_seed();

}  // namespace sluice
