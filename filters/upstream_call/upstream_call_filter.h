#pragma once

#include "gateway/proxy/exchange.h"
#include "gateway/proxy/filter.h"
#include "gateway/proxy/filter_chain.h"

namespace sluice {

// The waist between the two kinds of filter: makes the exchange's upstream call and runs the call filters on
// it. Never calls next.
class UpstreamCallFilter final : public ExchangeFilter {
 public:
  explicit UpstreamCallFilter(CallChain chain) : chain_(std::move(chain)) {}

  Task<Result<void>> handle(Exchange& exchange, ResponseWriter& client, ExchangeNext next) override;

 private:
  CallChain chain_;
};

}  // namespace sluice
