#pragma once

#include <filesystem>
#include <functional>
#include <memory>

#include "backends/worker/engine/engine.h"
#include "backends/worker/model/checkpoint.h"
#include "backends/worker/model/config.h"
#include "backends/worker/model/generation_config.h"

namespace sluice::worker {

// A checkpoint directory, loaded and serving.
struct LoadedEngine {
  ModelConfig model;
  GenerationConfig generation;
  std::unique_ptr<Engine> engine;
};

// What the caller wants to do while an engine is made; each may be left out.
struct LoadHooks {
  // Puts something between the engine and its model.
  std::function<std::unique_ptr<ModelRunner>(std::unique_ptr<ModelRunner>)> wrap = {};
  LoadProgress progress = {};
};

// Loads DIRECTORY (config.json, generation_config.json, *.safetensors) onto `device` and starts an engine.
// Options left 0 or empty are filled from the checkpoint; `engine->options()` tells what they became. Throws
// LoadError, and std::invalid_argument for options that contradict each other or the model. `device` and
// `clock` must outlive it.
LoadedEngine load_engine(const std::filesystem::path& directory, EngineOptions options, Device& device,
                         Clock& clock, const LoadHooks& hooks = {});

}  // namespace sluice::worker
