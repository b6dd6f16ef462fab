#include "filters/retry/retry_filter.h"

#include <utility>

namespace sluice {
namespace {

bool may_retry(const ResponseWriter& out, const Error& error) noexcept {
  return error.retriable != Retriable::kNever && !out.head_sent();
}

}  // namespace

Task<Result<void>> RetryFilter::handle(Call& call, ResponseWriter& out, CallNext next) {
  std::uint32_t counted = 0;
  for (std::uint32_t attempt = 1;; ++attempt) {
    Call fresh = call;
    fresh.attempt = attempt;
    Result<void> outcome = co_await next(fresh, out);
    if (outcome || !may_retry(out, outcome.error())) co_return outcome;
    // A kept-alive connection that was closed under the request is no attempt that an endpoint failed. The
    // bound is for a backend that lets each connection serve once and then closes it under a request.
    const bool stale =
        outcome.error().retriable == Retriable::kReused && attempts_ > 1 && attempt <= 2 * attempts_;
    if (!stale && ++counted == attempts_) co_return outcome;
    call.tried = std::move(fresh.tried);
    retries_.add();
  }
}

}  // namespace sluice
