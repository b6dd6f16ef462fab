#include "filters/upstream_call/upstream_call_filter.h"

#include "gateway/llm/request_edits.h"
#include "gateway/proxy/call.h"

namespace sluice {

Task<Result<void>> UpstreamCallFilter::handle(Exchange& exchange, ResponseWriter& client, ExchangeNext) {
  Call call{.request = exchange.request,
            .target = exchange.target,
            .tags = exchange.tags,
            .timeouts = &exchange.route->timeouts,
            .record = &exchange.record};
  // The body itself stays as it came: each call is sent with edits of its own.
  if (exchange.served_as != nullptr && exchange.request->view)
    call.splices.add(llm::set_model(*exchange.request->view, *exchange.served_as));
  co_return co_await chain_.run(call, client);
}

}  // namespace sluice
