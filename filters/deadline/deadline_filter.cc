#include "filters/deadline/deadline_filter.h"

#include <optional>
#include <utility>

#include "gateway/runtime/cancellable.h"

namespace sluice {
namespace {

// Apart, so that the frame that waits has no room for it.
[[gnu::noinline]] Result<void> too_late() {
  return fail(ErrorKind::kDeadlineExceeded, "timeouts.total passed");
}

}  // namespace

Task<Result<void>> DeadlineFilter::handle(Exchange& exchange, ResponseWriter& client, ExchangeNext next) {
  if (!exchange.head_match) return next(exchange, client);
  return run(exchange, client, next, (*exchange.routes)[exchange.head_match->first].timeouts.total);
}

Task<Result<void>> DeadlineFilter::run(Exchange& exchange, ResponseWriter& client, ExchangeNext next,
                                       Duration total) {
  Cancellable<Result<void>> work(loop_, next(exchange, client));
  Timer timer([](void* w) { static_cast<Cancellable<Result<void>>*>(w)->cancel(); }, &work);
  loop_.arm(timer, exchange.record.received_at + total);
  std::optional<Result<void>> outcome = co_await work;
  if (outcome) co_return std::move(*outcome);
  co_return too_late();
}

}  // namespace sluice
