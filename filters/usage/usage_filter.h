#pragma once

#include "gateway/proxy/exchange.h"
#include "gateway/proxy/filter.h"
#include "gateway/runtime/loop.h"

namespace sluice {

// Reads along with the answer: time to first token, gaps between tokens, and the usage that the backend reports. The
// bytes pass unchanged and at once; no event is decoded unless its text mentions usage or an error.
class UsageFilter final : public ExchangeFilter {
 public:
  explicit UsageFilter(Loop& loop) noexcept : loop_(loop) {}

  Task<Result<void>> handle(Exchange& exchange, ResponseWriter& client, ExchangeNext next) override;

 private:
  Loop& loop_;
};

}  // namespace sluice
