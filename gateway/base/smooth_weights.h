#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace sluice {

// Smooth weighted round robin. Every choice adds each target's weight to its credit and takes the one with
// the most, which then pays the sum of all weights. In any run of choices each target's count is within 2 of
// its share, and equal targets alternate instead of coming in bursts. Ties go to the first. Pure; threads:
// one.
class SmoothWeights {
 public:
  // Not all weights may be zero.
  explicit SmoothWeights(std::vector<std::uint32_t> weights);

  std::size_t next() noexcept;

 private:
  struct Target {
    std::int64_t weight;
    std::int64_t credit;
  };
  std::vector<Target> targets_;
  std::int64_t total_ = 0;
};

}  // namespace sluice
