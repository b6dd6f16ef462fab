#pragma once

#include "backends/worker/engine/request.h"

namespace sluice::worker {

// How hidden states become embeddings where requests do not say.
struct PoolerConfig {
  Pooling pooling = Pooling::kLast;
  bool normalised = true;
};

}  // namespace sluice::worker
