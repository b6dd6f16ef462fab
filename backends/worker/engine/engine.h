#pragma once

#include <array>
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <future>
#include <memory>
#include <mutex>
#include <set>
#include <thread>
#include <utility>
#include <vector>

#include "backends/worker/engine/model_runner.h"
#include "backends/worker/engine/scheduler.h"
#include "backends/worker/engine/token_picker.h"

namespace sluice::worker {

// Rows of prompts and generated tokens, per step: how many steps had at most that many (kBounds), more than
// all of them, and their sum.
struct StepSizes {
  static constexpr std::array<std::uint64_t, 13> kBounds = {1,   8,    16,   32,   64,   128,  256,
                                                            512, 1024, 2048, 4096, 8192, 16384};
  std::array<std::uint64_t, kBounds.size() + 1> steps{};
  std::uint64_t tokens = 0;
};

// The engine's state at the beginning of the running step, or after the last one. Counters only grow.
struct EngineStats {
  SchedulerStats scheduler;         // what was submitted and not looked at yet counts as waiting
  std::int64_t kv_used_tokens = 0;  // held, in whole blocks
  std::int64_t kv_capacity_tokens = 0;
  std::uint64_t steps = 0;
  StepSizes step_sizes;
  std::uint64_t stopped = 0;  // requests finished, by reason
  std::uint64_t reached_length = 0;
  std::uint64_t aborted = 0;
  std::uint64_t failed = 0;
};

// Serves requests with one model on a thread of its own: each step computes one batch of all running
// sequences.
//
// All members may be called from any thread, except from inside TokenSink::on_tokens: `stop` and the
// destructor wait for the engine's thread. On a device that computes rows independently (Device) answers do
// not depend on what else runs: batched, chunked, preempted or continued from a cached prefix equals alone,
// token for token.
class Engine {
 public:
  // Starts the thread and has it warm the model up. `clock` must outlive the engine. Throws
  // std::invalid_argument on options that contradict each other (max_num_batched_tokens below max_num_seqs, a
  // size below one), and what warming up throws.
  Engine(std::unique_ptr<ModelRunner> model, const EngineOptions& options, Clock& clock);
  ~Engine();

  // The first of `count` ids in a row that no other request has.
  RequestId new_ids(std::size_t count) noexcept {
    return next_id_.fetch_add(count, std::memory_order_relaxed);
  }
  RequestId new_id() noexcept { return new_ids(1); }

  // Queues requests, all or none. Unless kAccepted is returned their sinks hear nothing.
  SubmitStatus submit(std::vector<Request> requests);

  // Ends a request at the next step, with a finishing event and its KV freed. Unknown and finished ids are
  // ignored.
  void abort(RequestId id);

  // Refuses new requests from now on; those accepted go on.
  void close();

  // Aborts every request, delivers their finishing events and joins the thread.
  void stop();

  // False once a step has failed: all requests were finished with kError and none is accepted.
  bool healthy() const noexcept { return healthy_.load(std::memory_order_acquire); }

  EngineStats stats() const;
  const EngineOptions& options() const noexcept { return options_; }
  std::int32_t vocab_size() const noexcept { return vocab_size_; }

 private:
  void run(std::promise<void> warm);
  bool take_news(std::unique_lock<std::mutex>& lock);
  void step();
  void fail();
  void publish();
  void publish_stats();
  void count_step();

  const EngineOptions options_;
  Clock& clock_;
  std::unique_ptr<ModelRunner> model_;
  const std::int32_t vocab_size_;
  std::atomic<RequestId> next_id_{1};
  std::atomic<bool> healthy_{true};

  // The engine thread's own.
  Scheduler scheduler_;
  TokenPicker picker_;
  std::vector<Delivery> deliveries_;  // of the current turn, until published

  mutable std::mutex mutex_;  // guards all below; held briefly, never while computing or delivering
  std::condition_variable news_;
  std::vector<std::pair<Request, TimePoint>> inbox_;
  std::set<RequestId> aborts_;
  bool closed_ = false;
  bool stopping_ = false;
  EngineStats stats_;

  std::mutex join_mutex_;
  std::thread thread_;
};

}  // namespace sluice::worker
