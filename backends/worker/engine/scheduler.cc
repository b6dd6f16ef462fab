#include "backends/worker/engine/scheduler.h"

#include <algorithm>
#include <utility>

namespace sluice::worker {
namespace {

bool contains(const std::vector<std::int32_t>& list, std::int32_t value) {
  return std::find(list.begin(), list.end(), value) != list.end();
}

}  // namespace

Scheduler::Scheduler(const EngineOptions& options, std::int32_t vocab_size)
    : options_(options), vocab_size_(vocab_size), pool_(options.kv_blocks) {}

std::int32_t Scheduler::length_limit(const Request& request) const {
  const auto prompt = static_cast<std::int32_t>(request.prompt.size());
  return prompt + std::min(request.max_tokens, options_.max_model_len - prompt);
}

// The last token of an answer is never fed back, so it needs no place in the cache.
std::int32_t Scheduler::blocks_for(std::int32_t prompt_size, std::int32_t limit) const {
  const std::int32_t cached = std::max(prompt_size, limit - 1);
  return (cached + options_.block_size - 1) / options_.block_size;
}

SubmitStatus Scheduler::check(const Request& request) const {
  if (request.prompt.empty()) return SubmitStatus::kEmptyPrompt;
  if (request.prompt.size() >= static_cast<std::size_t>(options_.max_model_len))
    return SubmitStatus::kPromptTooLong;
  if (request.max_tokens < 1 || request.min_tokens < 0 || request.min_tokens > request.max_tokens) {
    return SubmitStatus::kBadLimits;
  }
  for (const std::int32_t token : request.prompt) {
    if (token < 0 || token >= vocab_size_) return SubmitStatus::kTokenOutOfVocabulary;
  }
  const auto prompt = static_cast<std::int32_t>(request.prompt.size());
  if (blocks_for(prompt, length_limit(request)) > pool_.total()) return SubmitStatus::kNeverFits;
  return SubmitStatus::kAccepted;
}

void Scheduler::add(Request request, TimePoint submitted) {
  Sequence sequence;
  sequence.tokens = request.prompt;
  sequence.prompt_size = static_cast<std::int32_t>(request.prompt.size());
  sequence.length_limit = length_limit(request);
  sequence.times = {submitted, submitted, submitted, submitted};
  if (!request.ignore_eos) sequence.stop_tokens = options_.eos_token_ids;
  for (const std::int32_t token : request.stop_token_ids) {
    // An id outside the vocabulary can neither be generated nor be banned.
    if (token >= 0 && token < vocab_size_) sequence.stop_tokens.push_back(token);
  }
  sequence.request = std::move(request);
  waiting_.push_back(std::move(sequence));
}

bool Scheduler::abort(RequestId id, FinishReason reason, std::vector<Delivery>& deliveries) {
  for (Sequences* sequences : {&running_, &waiting_}) {
    const auto found = std::find_if(sequences->begin(), sequences->end(),
                                    [id](const Sequence& sequence) { return sequence.request.id == id; });
    if (found == sequences->end()) continue;
    pool_.give_back(found->blocks);
    deliver(*found, {}, reason, -1, deliveries);
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
  banned_.clear();
  std::int32_t budget = options_.max_num_batched_tokens;
  for (Sequence& sequence : running_) {
    const std::int32_t rows = std::min(sequence.size() - sequence.computed, budget);
    put_in_batch(sequence, rows);
    budget -= rows;
  }
  admit(now, budget);
  return batch_;
}

void Scheduler::admit(TimePoint now, std::int32_t budget) {
  while (budget > 0 && !waiting_.empty() && running() < options_.max_num_seqs) {
    Sequence& head = waiting_.front();
    const std::int32_t blocks = blocks_for(head.prompt_size, head.length_limit);
    if (blocks > pool_.free()) return;
    head.blocks = pool_.take(blocks);
    head.times.scheduled = head.times.first_token = head.times.last_token = now;
    running_.splice(running_.end(), waiting_, waiting_.begin());
    const std::int32_t rows = std::min(head.size(), budget);
    put_in_batch(head, rows);
    budget -= rows;
  }
}

void Scheduler::put_in_batch(Sequence& sequence, std::int32_t rows) {
  sequence.planned = rows;
  if (rows == 0) return;
  const auto first_row = static_cast<std::int32_t>(batch_.tokens.size());
  for (std::int32_t position = sequence.computed; position < sequence.computed + rows; ++position) {
    const std::int32_t block = sequence.blocks[static_cast<std::size_t>(position / options_.block_size)];
    batch_.tokens.push_back(sequence.tokens[static_cast<std::size_t>(position)]);
    batch_.positions.push_back(position);
    batch_.slots.push_back(block * options_.block_size + position % options_.block_size);
  }
  batch_.sequences.push_back({first_row, rows, sequence.computed, sequence.blocks});
  if (sequence.computed + rows < sequence.size()) return;
  batch_.outputs.push_back(first_row + rows - 1);
  const bool may_stop = sequence.generated() >= sequence.request.min_tokens;
  banned_.push_back(may_stop ? std::span<const std::int32_t>() : sequence.stop_tokens);
}

void Scheduler::complete(std::span<const std::int32_t> picked, TimePoint now,
                         std::vector<Delivery>& deliveries) {
  std::size_t output = 0;
  for (auto next = running_.begin(); next != running_.end();) {
    const auto sequence = next++;
    if (sequence->planned == 0) continue;
    const bool prompt_was_open = sequence->computed < sequence->prompt_size;
    sequence->computed += sequence->planned;
    sequence->planned = 0;
    if (sequence->computed < sequence->size()) continue;
    if (prompt_was_open) prompt_tokens_ += static_cast<std::uint64_t>(sequence->prompt_size);
    const std::int32_t token = picked[output++];
    std::int32_t stop_token = -1;
    const FinishReason reason = append(*sequence, token, now, stop_token);
    if (reason != FinishReason::kNone) pool_.give_back(sequence->blocks);
    deliver(*sequence, {token}, reason, stop_token, deliveries);
    if (reason != FinishReason::kNone) running_.erase(sequence);
  }
}

// vLLM's order: end of sequence, then the request's stop tokens, then length.
FinishReason Scheduler::append(Sequence& sequence, std::int32_t token, TimePoint now,
                               std::int32_t& stop_token) {
  sequence.tokens.push_back(token);
  ++generated_tokens_;
  if (sequence.generated() == 1) sequence.times.first_token = now;
  sequence.times.last_token = now;
  if (sequence.generated() >= sequence.request.min_tokens) {
    if (ends_sequence(sequence, token)) return FinishReason::kStop;
    if (contains(sequence.request.stop_token_ids, token)) {
      stop_token = token;
      return FinishReason::kStop;
    }
  }
  return sequence.size() >= sequence.length_limit ? FinishReason::kLength : FinishReason::kNone;
}

bool Scheduler::ends_sequence(const Sequence& sequence, std::int32_t token) const {
  return !sequence.request.ignore_eos && contains(options_.eos_token_ids, token);
}

void Scheduler::deliver(Sequence& sequence, std::vector<std::int32_t> tokens, FinishReason reason,
                        std::int32_t stop_token, std::vector<Delivery>& deliveries) {
  Delivery delivery;
  delivery.event.id = sequence.request.id;
  delivery.event.finish = reason;
  delivery.event.stop_token = stop_token;
  delivery.event.times = sequence.times;
  delivery.tokens = std::move(tokens);
  delivery.sink = sequence.request.sink;
  deliveries.push_back(std::move(delivery));
}

}  // namespace sluice::worker
