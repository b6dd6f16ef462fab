#pragma once

#include <cstdint>
#include <vector>

#include "backends/worker/model/config.h"

namespace sluice::worker {

// Rotation angles of each position, as cosines and sines of [positions, head_dim/2] values. Computed in
// double and rounded once: an angle of thousands of radians has no correct digits left in f32 arithmetic.
struct RopeTable {
  std::vector<float> cosines;
  std::vector<float> sines;
};

RopeTable make_rope_table(const RopeConfig& config, std::int64_t head_dim, std::int64_t positions);

}  // namespace sluice::worker
