#pragma once

#include "gateway/proxy/exchange.h"
#include "gateway/proxy/filter.h"
#include "gateway/runtime/loop.h"

namespace sluice {

// Bounds an exchange's whole life by the route's timeouts.total, counted from its first byte. What the inner
// filters are waiting for, whatever it is, is cancelled; the error is kDeadlineExceeded.
class DeadlineFilter final : public ExchangeFilter {
 public:
  explicit DeadlineFilter(Loop& loop) noexcept : loop_(loop) {}

  Task<Result<void>> handle(Exchange& exchange, ResponseWriter& client, ExchangeNext next) override;

 private:
  Task<Result<void>> run(Exchange& exchange, ResponseWriter& client, ExchangeNext next, Duration total);

  Loop& loop_;
};

}  // namespace sluice
