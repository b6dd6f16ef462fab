#include "backends/worker/engine/engine.h"

#include <algorithm>
#include <exception>
#include <limits>
#include <stdexcept>
#include <utility>

namespace sluice::worker {
namespace {

const EngineOptions& checked(const EngineOptions& options) {
  if (options.max_num_seqs < 1 || options.max_model_len < 2 || options.max_queued < 1 ||
      options.block_size < 1 || options.kv_blocks < 1) {
    throw std::invalid_argument("engine: every size must be at least one, max_model_len at least two");
  }
  if (options.kv_blocks > std::numeric_limits<std::int32_t>::max() / options.block_size) {
    throw std::invalid_argument("engine: kv_blocks times block_size must fit in 31 bits");
  }
  // Otherwise a decoding sequence could be left out of a step again and again.
  if (options.max_num_batched_tokens < options.max_num_seqs) {
    throw std::invalid_argument("engine: max_num_batched_tokens must be at least max_num_seqs");
  }
  if (!options.chunked_prefill && options.max_num_batched_tokens < options.max_model_len) {
    throw std::invalid_argument(
        "engine: without chunked prefill max_num_batched_tokens must be at least max_model_len");
  }
  return options;
}

}  // namespace

Engine::Engine(std::unique_ptr<ModelRunner> model, const EngineOptions& options, Clock& clock)
    : options_(checked(options)),
      clock_(clock),
      model_(std::move(model)),
      vocab_size_(model_->vocab_size()),
      scheduler_(options_, vocab_size_),
      picker_(*model_, options_.eos_token_ids) {
  stats_.kv_capacity_tokens = std::int64_t{options_.kv_blocks} * options_.block_size;
  std::promise<void> warm;
  std::future<void> is_warm = warm.get_future();
  // A device may bind what it has to the first thread that computes: the engine's, not this one.
  thread_ = std::thread([this, w = std::move(warm)]() mutable { run(std::move(w)); });
  try {
    is_warm.get();
  } catch (...) {
    thread_.join();
    throw;
  }
}

Engine::~Engine() {
  stop();
}

SubmitStatus Engine::submit(std::vector<Request> requests) {
  if (std::cmp_greater(requests.size(), options_.max_queued)) return SubmitStatus::kQueueFull;
  for (const Request& request : requests) {
    if (const SubmitStatus status = scheduler_.check(request); status != SubmitStatus::kAccepted)
      return status;
  }
  const TimePoint now = clock_.now();
  {
    const std::lock_guard lock(mutex_);
    if (closed_) return SubmitStatus::kStopped;
    const std::int32_t room = options_.max_queued - stats_.scheduler.waiting;
    if (std::cmp_greater(requests.size(), std::max(room, 0))) return SubmitStatus::kQueueFull;
    stats_.scheduler.waiting += static_cast<std::int32_t>(requests.size());
    for (Request& request : requests)
      inbox_.emplace_back(std::move(request), now);
  }
  news_.notify_one();
  return SubmitStatus::kAccepted;
}

void Engine::abort(RequestId id) {
  {
    const std::lock_guard lock(mutex_);
    aborts_.insert(id);
  }
  news_.notify_one();
}

void Engine::close() {
  const std::lock_guard lock(mutex_);
  closed_ = true;
}

void Engine::stop() {
  {
    const std::lock_guard lock(mutex_);
    closed_ = stopping_ = true;
  }
  news_.notify_one();
  const std::lock_guard lock(join_mutex_);
  if (thread_.joinable()) thread_.join();
}

EngineStats Engine::stats() const {
  const std::lock_guard lock(mutex_);
  return stats_;
}

void Engine::run(std::promise<void> warm) {
  try {
    model_->warm_up(options_);
    warm.set_value();
  } catch (...) {
    return warm.set_exception(std::current_exception());
  }
  std::unique_lock lock(mutex_);
  for (;;) {
    news_.wait(lock,
               [this] { return stopping_ || !inbox_.empty() || !aborts_.empty() || scheduler_.has_work(); });
    const bool go_on = take_news(lock);
    publish();
    if (!go_on) return;
    if (scheduler_.has_work()) {
      try {
        step();
      } catch (const std::exception&) {
        // Out of memory, or an accelerator that is gone: nothing here can be trusted to compute on.
        return fail();
      }
    }
    lock.lock();
  }
}

// Moves submissions and aborts into the scheduler and releases the lock; false if the engine is to end.
bool Engine::take_news(std::unique_lock<std::mutex>& lock) {
  auto inbox = std::exchange(inbox_, {});
  const auto aborts = std::exchange(aborts_, {});
  const bool stopping = stopping_;
  lock.unlock();
  for (auto& [request, submitted] : inbox)
    scheduler_.add(std::move(request), submitted);
  for (const RequestId id : aborts)
    scheduler_.abort(id, FinishReason::kAborted, deliveries_);
  if (stopping) scheduler_.abort_all(FinishReason::kAborted, deliveries_);
  return !stopping;
}

void Engine::step() {
  const TimePoint begin = clock_.now();
  const Batch& batch = scheduler_.plan(begin);
  publish_stats();  // admission has moved requests from waiting to running
  model_->run(batch);
  StepResults results{.outputs = picker_.pick(scheduler_.output_uses()), .states = {}};
  if (!batch.hidden.empty()) results.states = model_->states(batch.hidden.size());
  scheduler_.complete(results, clock_.now(), deliveries_);
  count_step();
  publish();
  if (options_.step_interval.count() > 0) clock_.sleep_until(begin + options_.step_interval);
}

void Engine::fail() {
  healthy_.store(false, std::memory_order_release);
  std::unique_lock lock(mutex_);
  closed_ = true;
  take_news(lock);
  scheduler_.abort_all(FinishReason::kError, deliveries_);
  publish();
}

void Engine::count_step() {
  const std::uint64_t tokens = scheduler_.stats().step_tokens;
  const auto bucket = std::ranges::lower_bound(StepSizes::kBounds, tokens) - StepSizes::kBounds.begin();
  const std::lock_guard lock(mutex_);
  ++stats_.steps;
  ++stats_.step_sizes.steps[static_cast<std::size_t>(bucket)];
  stats_.step_sizes.tokens += tokens;
}

void Engine::publish_stats() {
  const std::lock_guard lock(mutex_);
  stats_.scheduler = scheduler_.stats();
  stats_.scheduler.waiting += static_cast<std::int32_t>(inbox_.size());
  stats_.kv_used_tokens = std::int64_t{stats_.scheduler.blocks_used} * options_.block_size;
  for (const Delivery& delivery : deliveries_) {
    const FinishReason reason = delivery.event.finish;
    stats_.stopped += reason == FinishReason::kStop;
    stats_.reached_length += reason == FinishReason::kLength;
    stats_.aborted += reason == FinishReason::kAborted;
    stats_.failed += reason == FinishReason::kError;
  }
}

// Figures first, then events: whoever hears that a request has finished finds it gone from the gauges.
void Engine::publish() {
  publish_stats();
  for (Delivery& delivery : deliveries_) {
    delivery.event.tokens = delivery.tokens;
    delivery.event.logprobs = delivery.logprobs;
    delivery.event.prompt_logprobs = delivery.prompt_logprobs;
    delivery.event.embedding = delivery.embedding;
    if (delivery.sink) delivery.sink->on_tokens(delivery.event);
  }
  deliveries_.clear();
}

}  // namespace sluice::worker
