#include "backends/worker/engine/scheduler.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "backends/worker/engine/random_draw.h"

namespace sluice::worker {
namespace {

bool contains(const std::vector<std::int32_t>& list, std::int32_t value) {
  return std::find(list.begin(), list.end(), value) != list.end();
}

// One after the other, so that the sum does not depend on how the prompt was cut into steps.
void add_state(std::span<const float> state, Sequence& sequence) {
  sequence.pooled.resize(state.size());
  for (std::size_t i = 0; i < state.size(); ++i)
    sequence.pooled[i] += static_cast<double>(state[i]);
  ++sequence.pooled_rows;
}

}  // namespace

Scheduler::Scheduler(const EngineOptions& options, std::int32_t vocab_size)
    : options_(options), vocab_size_(vocab_size), root_hash_(root_block_hash()), pool_(options.kv_blocks) {}

std::int32_t Scheduler::length_limit(const Request& request) const {
  const auto prompt = static_cast<std::int32_t>(request.prompt->size());
  if (request.pooling != Pooling::kNone) return prompt;
  return prompt + std::min(request.max_tokens, options_.max_model_len - prompt);
}

std::int32_t Scheduler::blocks_for(std::int32_t tokens) const noexcept {
  return (tokens + options_.block_size - 1) / options_.block_size;
}

SubmitStatus Scheduler::check(const Request& request) const {
  if (request.prompt == nullptr || request.prompt->empty()) return SubmitStatus::kEmptyPrompt;
  const bool pools = request.pooling != Pooling::kNone;
  if (request.prompt->size() + (pools ? 0 : 1) > static_cast<std::size_t>(options_.max_model_len))
    return SubmitStatus::kPromptTooLong;
  if (!pools &&
      (request.max_tokens < 1 || request.min_tokens < 0 || request.min_tokens > request.max_tokens)) {
    return SubmitStatus::kBadLimits;
  }
  for (const std::int32_t token : *request.prompt) {
    if (token < 0 || token >= vocab_size_) return SubmitStatus::kTokenOutOfVocabulary;
  }
  // The last token of an answer is never fed back, so it needs no place in the cache.
  if (blocks_for(length_limit(request) - (pools ? 0 : 1)) > pool_.total()) return SubmitStatus::kNeverFits;
  return SubmitStatus::kAccepted;
}

void Scheduler::add(Request request, TimePoint submitted) {
  Sequences added(1);
  Sequence& sequence = added.front();
  sequence.arrival = next_arrival_++;
  sequence.prompt_size = static_cast<std::int32_t>(request.prompt->size());
  sequence.length_limit = length_limit(request);
  sequence.seed = request.seed.value_or(mix_bits(options_.seed) ^ mix_bits(sequence.arrival));
  sequence.times = {submitted, submitted, submitted, submitted};
  sequence.request = std::move(request);
  enqueue(added, added.begin());
}

bool Scheduler::goes_before(const Sequence& a, const Sequence& b) const {
  if (options_.policy == SchedulingPolicy::kPriority && a.request.priority != b.request.priority) {
    return a.request.priority < b.request.priority;
  }
  return a.arrival < b.arrival;
}

// A preempted sequence came before all that wait without having run, so its place by age is the front.
void Scheduler::enqueue(Sequences& from, Sequences::iterator sequence) {
  auto place = waiting_.end();
  while (place != waiting_.begin() && goes_before(*sequence, *std::prev(place)))
    --place;
  waiting_.splice(place, from, sequence);
}

bool Scheduler::abort(RequestId id, FinishReason reason, std::vector<Delivery>& deliveries) {
  for (Sequences* sequences : {&running_, &waiting_}) {
    const auto found = std::find_if(sequences->begin(), sequences->end(),
                                    [id](const Sequence& sequence) { return sequence.request.id == id; });
    if (found == sequences->end()) continue;
    pool_.give_back(found->blocks);
    deliveries.push_back(delivery_of(*found, reason));
    sequences->erase(found);
    return true;
  }
  return false;
}

void Scheduler::abort_all(FinishReason reason, std::vector<Delivery>& deliveries) {
  for (Sequences* sequences : {&running_, &waiting_}) {
    while (!sequences->empty())
      abort(sequences->front().request.id, reason, deliveries);
  }
}

const Batch& Scheduler::plan(TimePoint now) {
  batch_.clear();
  uses_.clear();
  state_uses_.clear();
  counters_.step_tokens = 0;
  preempted_ = false;
  Budget budget{options_.max_num_batched_tokens, kPromptLogprobRows};
  plan_running(budget);
  // Named only now: whoever lost its place in this step computes nothing of what it had planned.
  for (Sequence& sequence : running_)
    name_blocks(sequence);
  // Whoever lost its place is the next to get it back: nobody else may take it in the same step.
  if (!preempted_) admit(now, budget);
  for (const Sequence& sequence : running_)
    put_in_batch(sequence);
  return batch_;
}

std::int32_t Scheduler::prompt_logprob_rows(const Sequence& sequence, std::int32_t computed,
                                            std::int32_t rows) const {
  if (!sequence.wants_prompt_logprobs()) return 0;
  const std::int32_t begin = std::max(computed, static_cast<std::int32_t>(sequence.prompt_logprobs.size()));
  const std::int32_t end = std::min(computed + rows, sequence.prompt_size - 1);
  return std::max(0, end - begin);
}

// How many of its next rows a sequence may have in this step.
std::int32_t Scheduler::rows_within(const Sequence& sequence, std::int32_t computed,
                                    const Budget& budget) const {
  const std::int32_t missing = sequence.size() - computed;
  std::int32_t rows = std::min(missing, budget.rows);
  if (!options_.chunked_prefill && !sequence.wants_prompt_logprobs()) return rows == missing ? rows : 0;
  if (options_.long_prefill_threshold > 0) rows = std::min(rows, options_.long_prefill_threshold);
  const std::int32_t above = prompt_logprob_rows(sequence, computed, rows) - budget.prompt_logprob_rows;
  // The rows to leave out are the last ones, and behind those with logprobs stands one that picks a token.
  if (above > 0) rows = std::min(rows, sequence.prompt_size - 1 - computed) - above;
  return rows;
}

void Scheduler::spend(Budget& budget, const Sequence& sequence, std::int32_t computed,
                      std::int32_t rows) const {
  budget.rows -= rows;
  budget.prompt_logprob_rows -= prompt_logprob_rows(sequence, computed, rows);
}

void Scheduler::plan_running(Budget& budget) {
  std::vector<Sequences::iterator> in_order;
  for (auto sequence = running_.begin(); sequence != running_.end(); ++sequence)
    in_order.push_back(sequence);
  for (const auto sequence : in_order) {
    if (!sequence->running) continue;
    const std::int32_t rows = rows_within(*sequence, sequence->computed, budget);
    if (!make_room(sequence, sequence->computed + rows, budget)) continue;
    sequence->planned = rows;
    spend(budget, *sequence, sequence->computed, rows);
  }
}

// Takes the blocks that `tokens` tokens of a running sequence need; false if it lost its own place over it.
bool Scheduler::make_room(Sequences::iterator sequence, std::int32_t tokens, Budget& budget) {
  const std::int32_t missing = blocks_for(tokens) - static_cast<std::int32_t>(sequence->blocks.size());
  while (missing > pool_.free()) {
    auto victim = std::prev(running_.end());
    if (options_.policy == SchedulingPolicy::kPriority) {
      victim = std::max_element(running_.begin(), running_.end(),
                                [this](const Sequence& a, const Sequence& b) { return goes_before(a, b); });
    }
    preempt(victim, budget);
    if (victim == sequence) return false;
  }
  if (missing > 0) pool_.take(missing, sequence->blocks);
  return true;
}

void Scheduler::preempt(Sequences::iterator victim, Budget& budget) {
  budget.rows += victim->planned;
  budget.prompt_logprob_rows += prompt_logprob_rows(*victim, victim->computed, victim->planned);
  victim->planned = victim->computed = victim->named = 0;
  victim->running = false;
  pool_.give_back(victim->blocks);
  preempted_ = true;
  ++counters_.preemptions;
  enqueue(running_, victim);
}

void Scheduler::admit(TimePoint now, Budget& budget) {
  for (auto next = waiting_.begin(); next != waiting_.end();) {
    if (budget.rows <= 0 || static_cast<std::int32_t>(running_.size()) >= options_.max_num_seqs) return;
    const auto sequence = next++;
    // One that waits for rows with logprobs takes nothing that those behind it need.
    const bool lacks_logprob_rows = budget.prompt_logprob_rows == 0 && sequence->needs_prompt_logprobs_at(0);
    if (!lacks_logprob_rows && !try_admit(sequence, now, budget)) return;
  }
}

// Admits a waiting sequence if all its tokens find room, with as many rows as the step has left.
bool Scheduler::try_admit(Sequences::iterator sequence, TimePoint now, Budget& budget) {
  set_up(*sequence);
  std::vector<std::int32_t> hits;
  if (options_.prefix_caching && !sequence->needs_every_row()) {
    // The last token is always computed: its logits or its state are wanted.
    const std::int32_t most = (sequence->size() - 1) / options_.block_size;
    hits = pool_.find(std::span(sequence->hashes).first(static_cast<std::size_t>(most)));
  }
  const auto hit_blocks = static_cast<std::int32_t>(hits.size());
  const std::int32_t computed = hit_blocks * options_.block_size;
  const std::int32_t rows = rows_within(*sequence, computed, budget);
  const std::int32_t missing = blocks_for(sequence->size()) - hit_blocks;
  if (rows <= 0 || missing + pool_.count_free(hits) > pool_.free()) return false;

  pool_.hold(hits);
  sequence->blocks = std::move(hits);
  pool_.take(blocks_for(computed + rows) - hit_blocks, sequence->blocks);
  sequence->named = hit_blocks;
  sequence->computed = computed;
  sequence->planned = rows;
  sequence->running = true;
  spend(budget, *sequence, computed, rows);
  count_admission(*sequence, now);
  running_.splice(running_.end(), waiting_, sequence);
  name_blocks(*sequence);
  return true;
}

void Scheduler::set_up(Sequence& sequence) const {
  if (sequence.tokens.empty()) sequence.tokens = *sequence.request.prompt;
  extend_hashes(sequence);
}

void Scheduler::count_admission(Sequence& sequence, TimePoint now) {
  if (std::exchange(sequence.was_admitted, true)) return;
  sequence.times.scheduled = sequence.times.first_token = sequence.times.last_token = now;
  sequence.cached_tokens = sequence.computed;
  if (!options_.prefix_caching || sequence.needs_every_row()) return;
  counters_.prefix_queries += static_cast<std::uint64_t>(sequence.prompt_size);
  counters_.prefix_hits += static_cast<std::uint64_t>(sequence.cached_tokens);
}

// Hashes the blocks that have become full.
void Scheduler::extend_hashes(Sequence& sequence) const {
  if (!options_.prefix_caching) return;
  const auto size = static_cast<std::size_t>(options_.block_size);
  while ((sequence.hashes.size() + 1) * size <= sequence.tokens.size()) {
    const std::size_t block = sequence.hashes.size();
    const auto tokens = std::span(sequence.tokens).subspan(block * size, size);
    sequence.hashes.push_back(block == 0 ? block_hash(root_hash_, tokens, sequence.request.cache_salt)
                                         : block_hash(sequence.hashes.back(), tokens));
  }
}

// Offers the blocks that will be full after this step to sequences that begin alike.
void Scheduler::name_blocks(Sequence& sequence) {
  extend_hashes(sequence);
  const std::int32_t full = (sequence.computed + sequence.planned) / options_.block_size;
  for (; options_.prefix_caching && sequence.named < full; ++sequence.named) {
    const auto block = static_cast<std::size_t>(sequence.named);
    pool_.name(sequence.blocks[block], sequence.hashes[block]);
  }
}

void Scheduler::put_in_batch(const Sequence& sequence) {
  if (sequence.planned == 0) return;
  const auto first_row = static_cast<std::int32_t>(batch_.tokens.size());
  const std::int32_t end = sequence.computed + sequence.planned;
  for (std::int32_t position = sequence.computed; position < end; ++position) {
    const std::int32_t block = sequence.blocks[static_cast<std::size_t>(position / options_.block_size)];
    const auto row = static_cast<std::int32_t>(batch_.tokens.size());
    batch_.tokens.push_back(sequence.tokens[static_cast<std::size_t>(position)]);
    batch_.positions.push_back(position);
    batch_.slots.push_back(block * options_.block_size + position % options_.block_size);
    if (sequence.needs_state_at(position)) {
      batch_.hidden.push_back(row);
      state_uses_.push_back(&sequence);
    }
    const bool picks = position + 1 == sequence.size() && !sequence.pools();
    if (!picks && !sequence.needs_prompt_logprobs_at(position)) continue;
    batch_.outputs.push_back(row);
    uses_.push_back({&sequence, picks, position});
  }
  batch_.sequences.push_back({first_row, sequence.planned, sequence.computed, sequence.blocks});
}

void Scheduler::complete(const StepResults& results, TimePoint now, std::vector<Delivery>& deliveries) {
  std::size_t used = 0;
  std::size_t used_states = 0;
  const std::size_t width = state_uses_.empty() ? 0 : results.states.size() / state_uses_.size();
  for (auto next = running_.begin(); next != running_.end();) {
    const auto sequence = next++;
    if (sequence->planned == 0) continue;
    const std::int32_t prompt_rows =
        std::clamp(sequence->prompt_size - sequence->computed, 0, sequence->planned);
    counters_.step_tokens += static_cast<std::uint64_t>(prompt_rows);
    sequence->computed += std::exchange(sequence->planned, 0);
    for (; used < results.outputs.size() && uses_[used].sequence == &*sequence && !uses_[used].picks; ++used)
      sequence->prompt_logprobs.push_back(std::move(results.outputs[used].logprobs));
    for (; used_states < state_uses_.size() && state_uses_[used_states] == &*sequence; ++used_states)
      add_state(results.states.subspan(used_states * width, width), *sequence);
    if (sequence->computed < sequence->size()) continue;

    const FinishReason reason = sequence->pools()
                                    ? deliver_embedding(*sequence, now, deliveries)
                                    : deliver_token(*sequence, results.outputs[used++], now, deliveries);
    if (reason == FinishReason::kNone) continue;
    pool_.give_back(sequence->blocks);
    running_.erase(sequence);
  }
}

void Scheduler::count_prompt(const Sequence& sequence) {
  counters_.prompt_tokens += static_cast<std::uint64_t>(sequence.prompt_size);
  counters_.cached_prompt_tokens += static_cast<std::uint64_t>(sequence.cached_tokens);
}

FinishReason Scheduler::deliver_token(Sequence& sequence, OutputResult& result, TimePoint now,
                                      std::vector<Delivery>& deliveries) {
  const bool prompt_was_open = sequence.generated() == 0;
  std::int32_t stop_token = -1;
  const FinishReason reason = append(sequence, result.token, now, stop_token);
  if (prompt_was_open) count_prompt(sequence);
  Delivery& delivery = deliveries.emplace_back(delivery_of(sequence, reason));
  delivery.event.stop_token = stop_token;
  delivery.tokens = {result.token};
  if (sequence.request.sampling->logprobs) delivery.logprobs.push_back(std::move(result.logprobs));
  // Kept (as empty lists) so that they are not computed again after a preemption.
  if (prompt_was_open && sequence.wants_prompt_logprobs()) {
    const std::size_t size = sequence.prompt_logprobs.size();
    delivery.prompt_logprobs = std::exchange(sequence.prompt_logprobs, std::vector<TokenLogprobs>(size));
  }
  return reason;
}

FinishReason Scheduler::deliver_embedding(Sequence& sequence, TimePoint now,
                                          std::vector<Delivery>& deliveries) {
  sequence.times.first_token = sequence.times.last_token = now;
  count_prompt(sequence);
  Delivery delivery = delivery_of(sequence, FinishReason::kStop);
  for (const double sum : sequence.pooled)
    delivery.embedding.push_back(static_cast<float>(sum / sequence.pooled_rows));
  deliveries.push_back(std::move(delivery));
  return FinishReason::kStop;
}

// vLLM's order: end of sequence, then the request's stop tokens, then length.
FinishReason Scheduler::append(Sequence& sequence, std::int32_t token, TimePoint now,
                               std::int32_t& stop_token) {
  sequence.tokens.push_back(token);
  ++counters_.generated_tokens;
  ++counters_.step_tokens;
  if (sequence.generated() == 1) sequence.times.first_token = now;
  sequence.times.last_token = now;
  if (sequence.generated() >= sequence.request.min_tokens) {
    if (ends_sequence(sequence, token)) return FinishReason::kStop;
    if (std::ranges::binary_search(sequence.request.sampling->stop_token_ids, token)) {
      stop_token = token;
      return FinishReason::kStop;
    }
  }
  return sequence.size() >= sequence.length_limit ? FinishReason::kLength : FinishReason::kNone;
}

bool Scheduler::ends_sequence(const Sequence& sequence, std::int32_t token) const {
  return !sequence.request.ignore_eos && contains(options_.eos_token_ids, token);
}

Delivery Scheduler::delivery_of(const Sequence& sequence, FinishReason reason) {
  Delivery delivery;
  delivery.event.id = sequence.request.id;
  delivery.event.finish = reason;
  delivery.event.times = sequence.times;
  delivery.event.cached_tokens = sequence.cached_tokens;
  delivery.sink = sequence.request.sink;
  return delivery;
}

SchedulerStats Scheduler::stats() const {
  SchedulerStats stats = counters_;
  stats.running = static_cast<std::int32_t>(running_.size());
  stats.waiting = static_cast<std::int32_t>(waiting_.size());
  stats.blocks_used = pool_.total() - pool_.free();
  return stats;
}

}  // namespace sluice::worker
