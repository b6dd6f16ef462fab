#include "filters/upstream_call/upstream_call_filter.h"

#include "gateway/llm/request_edits.h"
#include "gateway/proxy/call.h"

namespace sluice {

Task<Result<void>> UpstreamCallFilter::handle(Exchange& exchange, ResponseWriter& client, ExchangeNext) {
  Call& call = exchange.call.emplace(Call{.request = exchange.request,
                                          .kept_for_others = &exchange.request,
                                          .target = exchange.target,
                                          .tags = exchange.tags,
                                          .timeouts = &exchange.route->timeouts,
                                          .record = &exchange.record});
  // The body itself stays as it came: each call is sent with edits of its own.
  if (exchange.served_as != nullptr && call.request->view)
    call.splices.add(llm::set_model(*call.request->view, *exchange.served_as));
  return chain_.run(call, client);
}

}  // namespace sluice
