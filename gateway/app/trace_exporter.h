#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "config/config.h"
#include "gateway/app/trace_queue.h"
#include "gateway/base/address.h"
#include "gateway/base/metrics.h"
#include "gateway/base/result.h"
#include "gateway/http/head.h"
#include "gateway/net/connector.h"
#include "gateway/proxy/trace_sampler.h"
#include "gateway/runtime/loop.h"
#include "gateway/runtime/signal.h"
#include "gateway/runtime/task_group.h"

namespace sluice {

struct TraceExporterOptions {
  Address collector;
  std::string authority;  // for the Host field
  std::string path;
  std::string service_name;
  std::string version;
  Duration interval{};
  Duration timeout{};
};

// Of settings that name a collector. Errors: kConfig.
Result<TraceExporterOptions> trace_exporter_options(const config::Traces& settings);

// Samples none where no collector is set: backends would be told of spans that nobody gets.
TraceSampler trace_sampler(const config::Traces& settings);

// Sends the queue's traces to a collector over OTLP/HTTP, one request at a time: a batch as soon as there is
// one, less than that after `interval`. Each request has a connection of its own, which ends with it: there
// are few, and a kept one would mostly be found closed.
//
// A request that fails (no connection, `timeout`, 429, 502, 503, 504: what OTLP calls retryable) is sent
// again after 1, 2 and 4 seconds, more or less; then its traces are dropped and counted, as they are at once
// after any other status. Meanwhile the queue fills up to its limit. Threads: its loop's; destroyed when that
// runs no more.
class TraceExporter {
 public:
  static constexpr int kMaxAttempts = 4;
  static constexpr Duration kFirstBackoff = std::chrono::seconds(1);
  static constexpr Duration kFlushTime = std::chrono::seconds(1);

  // `metrics`: the loop's. What is referred to outlives the exporter.
  TraceExporter(Loop& loop, Connector& connector, TraceQueue& queue, Metrics& metrics,
                TraceExporterOptions options);
  ~TraceExporter();

  // Sends what is queued, once, and waits for that until the deadline: for the process's end.
  Task<void> flush(TimePoint deadline);

  // Brings sluice_traces_dropped_total{reason="queue_full"} up to date.
  void sample();

 private:
  enum class Outcome : std::uint8_t { kOk, kRefused, kUnavailable, kFailed };

  Task<void> run();
  Task<void> export_batch(std::vector<ExchangeTrace> batch);
  Task<void> back_off(int attempt);
  Task<Outcome> attempt(std::string_view body);
  Task<Outcome> post(std::string_view body, TimePoint deadline);
  RequestHead make_head() const;
  Counter& exports(Outcome outcome);
  Counter& dropped(std::string_view reason);

  Loop& loop_;
  Connector& connector_;
  TraceQueue& queue_;
  Metrics& metrics_;
  const TraceExporterOptions options_;
  // Shared with functions that a shard has posted and the loop has not run.
  std::shared_ptr<Signal> wake_;
  Signal flushed_;
  bool flushing_ = false;
  TaskGroup tasks_;
};

}  // namespace sluice
