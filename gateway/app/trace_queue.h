#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <vector>

#include "config/config.h"
#include "gateway/app/exchange_trace.h"

namespace sluice {

// Ended exchanges on their way from the shards to the exporter. It decides which are exported: those whose
// trace is sampled, and those that took `slow` or longer.
//
// Overflow: above observability.traces.queue (2,048) the newest are dropped and counted, before anything of
// them is copied: while the collector is away an exchange costs one comparison. Threads: any.
class TraceQueue {
 public:
  explicit TraceQueue(const config::Traces& settings)
      : capacity_(settings.queue), batch_(settings.batch), slow_(settings.slow) {}

  // Copies the record if it is to be exported and there is room. Throws std::bad_alloc.
  void offer(const ExchangeRecord& record);

  // The oldest, at most a batch.
  std::vector<ExchangeTrace> take();
  std::size_t size() const noexcept { return size_.load(std::memory_order_relaxed); }
  bool has_batch() const noexcept { return size() >= batch_; }
  std::uint64_t dropped() const noexcept { return dropped_.load(std::memory_order_relaxed); }

  // Runs whenever the queue has grown to a batch, on the offering thread, under the queue's lock: it only
  // passes the news on. Once this returns the former function runs no more.
  void on_batch(std::function<void()> function);

 private:
  bool wanted(const ExchangeRecord& record) const noexcept;

  const std::size_t capacity_;
  const std::size_t batch_;
  const Duration slow_;
  std::mutex mutex_;
  std::deque<ExchangeTrace> traces_;  // guarded by mutex_
  std::function<void()> on_batch_;    // guarded by mutex_
  std::atomic<std::size_t> size_{0};  // of traces_, written under mutex_
  std::atomic<std::uint64_t> dropped_{0};
};

}  // namespace sluice
