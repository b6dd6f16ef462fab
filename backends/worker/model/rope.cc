#include "backends/worker/model/rope.h"

#include <cmath>
#include <cstddef>
#include <numbers>

namespace sluice::worker {
namespace {

double scaled(double frequency, const RopeConfig& config) {
  if (config.scaling == RopeScaling::kNone) return frequency;
  if (config.scaling == RopeScaling::kLinear) return frequency / config.factor;
  const double turns = config.original_positions * frequency / (2 * std::numbers::pi);
  if (turns > config.high_frequency_factor) return frequency;
  if (turns < config.low_frequency_factor) return frequency / config.factor;
  const double kept =
      (turns - config.low_frequency_factor) / (config.high_frequency_factor - config.low_frequency_factor);
  return (1 - kept) * frequency / config.factor + kept * frequency;
}

}  // namespace

RopeTable make_rope_table(const RopeConfig& config, std::int64_t head_dim, std::int64_t positions) {
  const std::int64_t half = head_dim / 2;
  std::vector<double> frequencies;
  for (std::int64_t i = 0; i < half; ++i) {
    const double exponent = static_cast<double>(2 * i) / static_cast<double>(head_dim);
    frequencies.push_back(scaled(std::pow(config.theta, -exponent), config));
  }
  RopeTable table;
  table.cosines.reserve(static_cast<std::size_t>(positions * half));
  table.sines.reserve(static_cast<std::size_t>(positions * half));
  for (std::int64_t position = 0; position < positions; ++position) {
    for (const double frequency : frequencies) {
      const double angle = static_cast<double>(position) * frequency;
      table.cosines.push_back(static_cast<float>(std::cos(angle)));
      table.sines.push_back(static_cast<float>(std::sin(angle)));
    }
  }
  return table;
}

}  // namespace sluice::worker
