#pragma once

#include <string>

#include "backends/worker/api/pooler_config.h"

namespace sluice::worker {

// Reads the value of --pooler-config, a JSON object with vLLM's members. Says what is wrong with it, or
// nothing.
std::string read_pooler_config(const std::string& json, PoolerConfig& config);

}  // namespace sluice::worker
