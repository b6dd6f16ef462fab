#pragma once

#include <utility>

#include "gateway/proxy/edits.h"
#include "gateway/proxy/exchange.h"
#include "gateway/proxy/filter.h"

namespace sluice {

// Changes the headers of a route's answers, the backend's and the gateway's own. Answers that report an error
// of the gateway are made further out and stay as they are.
class ResponseEditFilter final : public ExchangeFilter {
 public:
  explicit ResponseEditFilter(HeaderEdits edits) : edits_(std::move(edits)) {}

  Task<Result<void>> handle(Exchange& exchange, ResponseWriter& client, ExchangeNext next) override;

 private:
  HeaderEdits edits_;
};

}  // namespace sluice
