#include "filters/upstream_call/upstream_call_filter.h"

#include "gateway/proxy/call.h"

namespace sluice {

Task<Result<void>> UpstreamCallFilter::handle(Exchange& exchange, ResponseWriter& client, ExchangeNext) {
  Call call{.request = exchange.request,
            .target = exchange.target,
            .timeouts = &exchange.route->timeouts,
            .record = &exchange.record};
  co_return co_await chain_.run(call, client);
}

}  // namespace sluice
