#include "backends/worker/engine/faulty_runner.h"

#include <cstdlib>
#include <stdexcept>
#include <utility>

namespace sluice::worker {
namespace {

constexpr int kKilled = 137;  // what a shell says of a process that SIGKILL ended

}  // namespace

void FreezeGate::open() {
  const std::lock_guard lock(mutex_);
  is_open_ = true;
  opened_.notify_all();
}

void FreezeGate::wait() {
  std::unique_lock lock(mutex_);
  opened_.wait(lock, [this] { return is_open_; });
}

FaultyRunner::FaultyRunner(std::unique_ptr<ModelRunner> model, const EngineFaults& faults, Clock& clock,
                           std::shared_ptr<FreezeGate> gate)
    : model_(std::move(model)), faults_(faults), clock_(clock), gate_(std::move(gate)) {}

void FaultyRunner::run(const Batch& batch) {
  if (is_due(faults_.die_after)) std::_Exit(kKilled);
  if (is_due(faults_.fail_after)) throw std::runtime_error("a step failed, as --fault asked");
  if (is_due(faults_.freeze_after)) gate_->wait();
  if (faults_.slow.count() > 0) clock_.sleep_until(clock_.now() + faults_.slow);
  model_->run(batch);
  tokens_ += static_cast<std::int64_t>(batch.outputs.size());
}

}  // namespace sluice::worker
