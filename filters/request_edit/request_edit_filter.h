#pragma once

#include <utility>

#include "gateway/proxy/edits.h"
#include "gateway/proxy/exchange.h"
#include "gateway/proxy/filter.h"

namespace sluice {

// Changes the head that backends receive: path, host, headers, query. The exchange's own head, its log line
// and its metrics keep what the client sent.
class RequestEditFilter final : public ExchangeFilter {
 public:
  explicit RequestEditFilter(RequestEdits edits) : edits_(std::move(edits)) {}

  Task<Result<void>> handle(Exchange& exchange, ResponseWriter& client, ExchangeNext next) override;

 private:
  RequestEdits edits_;
};

}  // namespace sluice
