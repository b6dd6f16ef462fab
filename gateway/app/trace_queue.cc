#include "gateway/app/trace_queue.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace sluice {

bool TraceQueue::wanted(const ExchangeRecord& r) const noexcept {
  if (r.trace_id.empty()) return false;
  return r.sampled || (r.ended_at && *r.ended_at - r.received_at >= slow_);
}

void TraceQueue::offer(const ExchangeRecord& record) {
  if (!wanted(record)) return;
  if (size() >= capacity_) {
    dropped_.fetch_add(1, std::memory_order_relaxed);
    return;
  }
  ExchangeTrace trace = trace_of(record);
  const std::lock_guard lock(mutex_);
  // Other shards may have filled it since.
  if (traces_.size() >= capacity_) {
    dropped_.fetch_add(1, std::memory_order_relaxed);
    return;
  }
  traces_.push_back(std::move(trace));
  size_.store(traces_.size(), std::memory_order_relaxed);
  if (traces_.size() == batch_ && on_batch_) on_batch_();
}

std::vector<ExchangeTrace> TraceQueue::take() {
  std::vector<ExchangeTrace> taken;
  const std::lock_guard lock(mutex_);
  const auto end = traces_.begin() + static_cast<std::ptrdiff_t>(std::min(batch_, traces_.size()));
  taken.assign(std::make_move_iterator(traces_.begin()), std::make_move_iterator(end));
  traces_.erase(traces_.begin(), end);
  size_.store(traces_.size(), std::memory_order_relaxed);
  return taken;
}

void TraceQueue::on_batch(std::function<void()> function) {
  const std::lock_guard lock(mutex_);
  on_batch_ = std::move(function);
}

}  // namespace sluice
