#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>

#include "backends/worker/engine/clock.h"
#include "backends/worker/engine/model_runner.h"

namespace sluice::worker {

// How an engine is to misbehave, for tests of what stands in front of it. Tokens are counted over all
// answers.
struct EngineFaults {
  std::optional<std::int64_t> freeze_after =
      {};                                       // tokens; then no step ends any more, as a hung accelerator's
  std::optional<std::int64_t> fail_after = {};  // tokens; then a step fails
  std::optional<std::int64_t> die_after = {};   // tokens; then the process is gone, without a word
  std::chrono::milliseconds slow{0};            // what each step takes longer

  bool any() const noexcept { return freeze_after || fail_after || die_after || slow.count() > 0; }
};

// Lets frozen steps end, so that a frozen engine can be stopped. Threads: any.
class FreezeGate {
 public:
  void open();
  void wait();

 private:
  std::mutex mutex_;
  std::condition_variable opened_;
  bool is_open_ = false;
};

// Runs a model with faults. `clock` outlives it.
class FaultyRunner final : public ModelRunner {
 public:
  FaultyRunner(std::unique_ptr<ModelRunner> model, const EngineFaults& faults, Clock& clock,
               std::shared_ptr<FreezeGate> gate);

  std::int32_t vocab_size() const override { return model_->vocab_size(); }
  void warm_up(const EngineOptions& options) override { model_->warm_up(options); }
  void run(const Batch& batch) override;
  void most_probable(std::span<std::int32_t> tokens) override { model_->most_probable(tokens); }
  std::span<const float> states(std::size_t count) override { return model_->states(count); }
  std::span<const float> logits(std::size_t output) override { return model_->logits(output); }

 private:
  bool is_due(const std::optional<std::int64_t>& after) const noexcept { return after && tokens_ >= *after; }

  std::unique_ptr<ModelRunner> model_;
  const EngineFaults faults_;
  Clock& clock_;
  std::shared_ptr<FreezeGate> gate_;
  std::int64_t tokens_ = 0;
};

}  // namespace sluice::worker
