#include "gateway/base/smooth_weights.h"

namespace sluice {

SmoothWeights::SmoothWeights(std::vector<std::uint32_t> weights) {
  targets_.reserve(weights.size());
  for (const std::uint32_t weight : weights) {
    targets_.push_back({weight, 0});
    total_ += weight;
  }
}

std::size_t SmoothWeights::next() noexcept {
  std::size_t best = targets_.size();
  for (std::size_t i = 0; i < targets_.size(); ++i) {
    Target& t = targets_[i];
    if (t.weight == 0) continue;
    t.credit += t.weight;
    if (best == targets_.size() || t.credit > targets_[best].credit) best = i;
  }
  targets_[best].credit -= total_;
  return best;
}

}  // namespace sluice
