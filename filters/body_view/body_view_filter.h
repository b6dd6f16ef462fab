#pragma once

#include "gateway/llm/request_view.h"
#include "gateway/proxy/exchange.h"
#include "gateway/proxy/filter.h"

namespace sluice {

// Reads the request's body as far as its route needs it, completes the match and enters the route's chain:
// the last filter of the entry chain, which never calls next.
//
// Where a route asks for something in it, the whole body is kept and parsed in place, once. Elsewhere a small
// body is kept too, so that it can be sent again, and a larger one is relayed as it arrives.
class BodyViewFilter final : public ExchangeFilter {
 public:
  // Bodies up to this many bytes are kept although no rule reads them.
  static constexpr std::uint64_t kReplayBytes = 64 * 1024;

  Task<Result<void>> handle(Exchange& exchange, ResponseWriter& client, ExchangeNext next) override;

 private:
  Task<Result<void>> read_and_run(Exchange& exchange, ResponseWriter& client, std::uint64_t limit,
                                  std::uint64_t listeners_limit);
  Task<Result<void>> read(Exchange& exchange, std::uint64_t limit);
  Result<void> view(Exchange& exchange);
  Task<Result<void>> run_route(Exchange& exchange, ResponseWriter& client, std::uint64_t listeners_limit);
  Result<void> complete(Exchange& exchange, std::uint64_t listeners_limit);

  llm::RequestParser parser_;
};

}  // namespace sluice
