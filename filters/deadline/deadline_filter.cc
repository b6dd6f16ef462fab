#include "filters/deadline/deadline_filter.h"

#include <optional>
#include <utility>

#include "gateway/runtime/child.h"

namespace sluice {

Task<Result<void>> DeadlineFilter::handle(Exchange& exchange, ResponseWriter& client, ExchangeNext next) {
  if (!exchange.head_match) return next(exchange, client);
  return run(exchange, client, next, (*exchange.routes)[exchange.head_match->first].timeouts.total);
}

Task<Result<void>> DeadlineFilter::run(Exchange& exchange, ResponseWriter& client, ExchangeNext next,
                                       Duration total) {
  Child<Result<void>> work(loop_, next(exchange, client));
  Timer timer([](void* w) { static_cast<Child<Result<void>>*>(w)->cancel(); }, &work);
  loop_.arm(timer, exchange.record.received_at + total);
  std::optional<Result<void>> outcome = co_await work.join();
  if (outcome) co_return std::move(*outcome);
  co_return fail(ErrorKind::kDeadlineExceeded, "timeouts.total passed");
}

}  // namespace sluice
