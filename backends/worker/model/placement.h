#pragma once

#include <cstddef>
#include <string_view>

#include "backends/worker/device/device.h"
#include "backends/worker/model/config.h"

namespace sluice::worker {

// How a model is computed where the operator leaves it open.

// The precision that `dtype` (auto, float32, bfloat16) means for a model. auto: bfloat16 for bfloat16
// checkpoints with a hidden size above 512, whose weights no cache holds, so that half the bytes are nearly
// half the time; float32 for all others.
Precision precision_for(std::string_view dtype, const ModelConfig& config);

// Threads for a model on so many processors: one for models up to a hidden size of 512, whose products end
// before a second thread has woken up; for larger ones all but one, which is left to the API's loop.
std::size_t threads_for(const ModelConfig& config, std::size_t processors);

}  // namespace sluice::worker
