#pragma once

#include "gateway/proxy/exchange.h"
#include "gateway/proxy/exchange_sink.h"
#include "gateway/proxy/filter.h"
#include "gateway/runtime/loop.h"

namespace sluice {

// The outermost filter: keeps the exchange's record true to the last byte, turns an error of the inner
// filters into the client's answer, and hands the record over when the exchange ends in whatever way. Adds
// X-Request-Id and Via to every answer.
class RecordFilter final : public ExchangeFilter {
 public:
  RecordFilter(Loop& loop, ExchangeSink& sink) noexcept : loop_(loop), sink_(sink) {}

  Task<Result<void>> handle(Exchange& exchange, ResponseWriter& client, ExchangeNext next) override;

 private:
  Loop& loop_;
  ExchangeSink& sink_;
};

}  // namespace sluice
