#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "backends/worker/engine/block_pool.h"
#include "backends/worker/engine/engine_options.h"
#include "backends/worker/engine/sequence.h"
#include "backends/worker/model/batch.h"

namespace sluice::worker {

// An event with its receiver and what it points to.
struct Delivery {
  TokenEvent event;
  std::vector<std::int32_t> tokens;
  std::vector<TokenLogprobs> logprobs;
  std::vector<TokenLogprobs> prompt_logprobs;
  std::vector<float> embedding;
  std::shared_ptr<TokenSink> sink;
};

// What the logits of one of the batch's outputs are for.
struct OutputUse {
  const Sequence* sequence = nullptr;
  bool picks = false;  // the sequence's next token; otherwise only the logprobs of the token behind the row
  std::int32_t position = 0;  // of the row
};

// What was made of an output: the token that was picked or that stands there, and its logprobs if they are
// wanted.
struct OutputResult {
  std::int32_t token = 0;
  TokenLogprobs logprobs;
};

// What the model made of a step's batch.
struct StepResults {
  std::span<OutputResult> outputs;  // one for each of the batch's outputs
  std::span<const float> states;    // [batch.hidden, hidden size]
};

// Counters only grow.
struct SchedulerStats {
  std::int32_t running = 0;
  std::int32_t waiting = 0;
  std::int32_t blocks_used = 0;
  std::uint64_t prompt_tokens = 0;         // of prompts that were computed, those found in the cache included
  std::uint64_t cached_prompt_tokens = 0;  // found in the cache
  std::uint64_t generated_tokens = 0;
  std::uint64_t prefix_queries = 0;  // tokens looked up in the cache, once for each request
  std::uint64_t prefix_hits = 0;     // tokens found there
  std::uint64_t preemptions = 0;
  std::uint64_t step_tokens = 0;  // of the last step: rows of prompts and generated tokens
};

// Decides what each step computes. Continuous batching: running sequences first, in order of admission, each
// with one decoded token or the next chunk of its prompt; then waiting ones in the policy's order, as long as
// the step has rows, max_num_seqs allows it and the KV cache has room for their whole prompts. The head of
// the queue waits until there is room, and the others wait behind it; only one that waits for rows with
// prompt logprobs is passed by.
//
// A running sequence takes KV blocks as it grows. If there are none, the one admitted last (under the
// priority policy the worst) loses its place: its blocks are let go, it keeps its tokens, goes back to the
// front of the queue and is computed again. Its client sees nothing of it, except time. A sequence that fits
// the cache alone always finishes.
//
// Full blocks are named by their contents as soon as they are planned, so sequences that begin alike share
// them even within a step.
//
// Not thread-safe and without a clock: the engine's thread drives it.
class Scheduler {
 public:
  // Rows of a step whose logits may be asked for beside those that pick tokens: bounds what prompt logprobs
  // cost.
  static constexpr std::int32_t kPromptLogprobRows = 32;

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
  // One for each of the batch's outputs.
  std::span<const OutputUse> output_uses() const noexcept { return uses_; }

  // The step of the last plan was computed.
  void complete(const StepResults& results, TimePoint now, std::vector<Delivery>& deliveries);

  SchedulerStats stats() const;

 private:
  std::int32_t blocks_for(std::int32_t tokens) const noexcept;
  std::int32_t length_limit(const Request& request) const;
  bool goes_before(const Sequence& a, const Sequence& b) const;
  void enqueue(Sequences& from, Sequences::iterator sequence);

  // The budget of one step.
  struct Budget {
    std::int32_t rows;
    std::int32_t prompt_logprob_rows;
  };
  std::int32_t rows_within(const Sequence& sequence, std::int32_t computed, const Budget& budget) const;
  std::int32_t prompt_logprob_rows(const Sequence& sequence, std::int32_t computed, std::int32_t rows) const;
  void spend(Budget& budget, const Sequence& sequence, std::int32_t computed, std::int32_t rows) const;
  bool make_room(Sequences::iterator sequence, std::int32_t tokens, Budget& budget);
  void preempt(Sequences::iterator victim, Budget& budget);
  void plan_running(Budget& budget);
  void admit(TimePoint now, Budget& budget);
  bool try_admit(Sequences::iterator sequence, TimePoint now, Budget& budget);
  void set_up(Sequence& sequence) const;
  void extend_hashes(Sequence& sequence) const;
  void count_admission(Sequence& sequence, TimePoint now);
  void name_blocks(Sequence& sequence);
  void put_in_batch(const Sequence& sequence);

  FinishReason deliver_token(Sequence& sequence, OutputResult& result, TimePoint now,
                             std::vector<Delivery>& deliveries);
  FinishReason deliver_embedding(Sequence& sequence, TimePoint now, std::vector<Delivery>& deliveries);
  FinishReason append(Sequence& sequence, std::int32_t token, TimePoint now, std::int32_t& stop_token);
  bool ends_sequence(const Sequence& sequence, std::int32_t token) const;
  static Delivery delivery_of(const Sequence& sequence, FinishReason reason);
  void count_prompt(const Sequence& sequence);

  const EngineOptions options_;
  const std::int32_t vocab_size_;
  const BlockHash root_hash_;
  BlockPool pool_;
  Sequences waiting_;       // in the order of admission
  Sequences running_;       // likewise
  bool preempted_ = false;  // in the step that is planned
  std::uint64_t next_arrival_ = 0;
  Batch batch_;
  std::vector<OutputUse> uses_;
  std::vector<const Sequence*> state_uses_;  // whose hidden state each of batch_.hidden is
  SchedulerStats counters_;                  // what is counted; the rest is filled in by stats()
};

}  // namespace sluice::worker
