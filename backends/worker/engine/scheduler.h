#pragma once

#include <cstdint>
#include <deque>
#include <list>
#include <span>
#include <vector>

#include "backends/worker/engine/block_pool.h"
#include "backends/worker/engine/engine_options.h"
#include "backends/worker/engine/request.h"
#include "backends/worker/model/batch.h"

namespace sluice::worker {

// An event with its receiver and its tokens.
struct Delivery {
  TokenEvent event;
  std::vector<std::int32_t> tokens;
  std::shared_ptr<TokenSink> sink;
};

// Decides what each step computes. Continuous batching: running sequences first, in order of admission, each
// with one decoded token or the next chunk of its prompt; then waiting ones, first come first served, as long
// as the step has rows, max_num_seqs allows it and the KV cache has room.
//
// A sequence enters with room for its whole prompt and answer, so that no running one is ever short of
// memory; the head of the queue waits until there is room, and the others wait behind it.
//
// Not thread-safe and without a clock: the engine's thread drives it.
class Scheduler {
 public:
  Scheduler(const EngineOptions& options, std::int32_t vocab_size);

  // Whether `request` can ever run. Reads nothing that changes: may be called from any thread.
  SubmitStatus check(const Request& request) const;

  // Queues a request that passed the check.
  void add(Request request, TimePoint submitted);

  // Removes a request and its KV at once; false if it is not here (any more).
  bool abort(RequestId id, FinishReason reason, std::vector<Delivery>& deliveries);
  void abort_all(FinishReason reason, std::vector<Delivery>& deliveries);

  bool has_work() const noexcept { return !waiting_.empty() || !running_.empty(); }

  // The next step. The references stay valid until the following call of any other member.
  const Batch& plan(TimePoint now);
  std::span<const std::span<const std::int32_t>> banned() const noexcept { return banned_; }

  // The step of the last plan was computed; `picked` has a token for each of the batch's outputs.
  void complete(std::span<const std::int32_t> picked, TimePoint now, std::vector<Delivery>& deliveries);

  std::int32_t running() const noexcept { return static_cast<std::int32_t>(running_.size()); }
  std::int32_t waiting() const noexcept { return static_cast<std::int32_t>(waiting_.size()); }
  std::int32_t kv_blocks_used() const noexcept { return pool_.total() - pool_.free(); }
  std::uint64_t prompt_tokens() const noexcept { return prompt_tokens_; }
  std::uint64_t generated_tokens() const noexcept { return generated_tokens_; }

 private:
  struct Sequence {
    Request request;
    std::vector<std::int32_t> tokens;  // prompt, then answer
    std::int32_t prompt_size = 0;
    std::int32_t length_limit = 0;  // of tokens
    std::int32_t computed = 0;      // tokens whose keys and values are cached
    std::int32_t planned = 0;       // rows in the current step
    std::vector<std::int32_t> blocks;
    std::vector<std::int32_t> stop_tokens;  // what min_tokens bans
    RequestTimes times;

    std::int32_t size() const noexcept { return static_cast<std::int32_t>(tokens.size()); }
    std::int32_t generated() const noexcept { return size() - prompt_size; }
  };
  using Sequences = std::list<Sequence>;

  std::int32_t blocks_for(std::int32_t prompt_size, std::int32_t length_limit) const;
  std::int32_t length_limit(const Request& request) const;
  void admit(TimePoint now, std::int32_t budget);
  void put_in_batch(Sequence& sequence, std::int32_t rows);
  FinishReason append(Sequence& sequence, std::int32_t token, TimePoint now, std::int32_t& stop_token);
  bool ends_sequence(const Sequence& sequence, std::int32_t token) const;
  static void deliver(Sequence& sequence, std::vector<std::int32_t> tokens, FinishReason reason,
                      std::int32_t stop_token, std::vector<Delivery>& deliveries);

  const EngineOptions options_;
  const std::int32_t vocab_size_;
  BlockPool pool_;
  Sequences waiting_;
  Sequences running_;
  Batch batch_;
  std::vector<std::span<const std::int32_t>> banned_;
  std::uint64_t prompt_tokens_ = 0;
  std::uint64_t generated_tokens_ = 0;
};

}  // namespace sluice::worker
