#pragma once

#include "backends/worker/engine/engine_options.h"
#include "backends/worker/engine/model_runner.h"

namespace sluice::worker {

// Computes a short prompt, pools it and decodes a token, so that no request pays for what a device does the
// first time: making primitives and graphs, touching memory. What it leaves in the KV cache is never read.
// `options`: an engine's, whose KV cache is new. Throws what the model throws.
void warm_up(ModelRunner& model, const EngineOptions& options);

}  // namespace sluice::worker
