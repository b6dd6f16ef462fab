#pragma once

#include <string>
#include <vector>

#include "gateway/app/trace_queue.h"
#include "gateway/base/line_sink.h"
#include "gateway/base/metrics.h"
#include "gateway/proxy/exchange_sink.h"

namespace sluice {

// Turns the records of a shard's ended exchanges into access-log lines, metrics and spans. Threads: its
// shard's.
class ExchangeReporter final : public ExchangeSink {
 public:
  // `traces`: null where no spans are exported.
  ExchangeReporter(Metrics& metrics, LineSink& access_log, TraceQueue* traces = nullptr)
      : metrics_(metrics), access_log_(access_log), traces_(traces) {}

  void ended(const ExchangeRecord& record) noexcept override;

 private:
  // The cells of one combination of route, cluster and status, found without the registry's lock once known.
  struct Outcome {
    std::string route;
    std::string cluster;
    int status;
    Counter* requests;
    Histogram* duration;
    Histogram* first_content;
    Counter* prompt_tokens;
    Counter* completion_tokens;
  };

  void count(const ExchangeRecord& record);
  Outcome& outcome(const ExchangeRecord& record);

  Metrics& metrics_;
  LineSink& access_log_;
  TraceQueue* traces_;
  std::string line_;  // kept for its memory
  std::vector<Outcome> outcomes_;
};

}  // namespace sluice
