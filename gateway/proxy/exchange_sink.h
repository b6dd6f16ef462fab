#pragma once

#include "gateway/proxy/exchange_record.h"

namespace sluice {

// Where the records of ended exchanges go: the access log and the metrics. Called from destructors, also when
// the client has left. Threads: one shard's.
class ExchangeSink {
 public:
  virtual ~ExchangeSink() = default;
  virtual void ended(const ExchangeRecord& record) noexcept = 0;
};

}  // namespace sluice
