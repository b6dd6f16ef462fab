#include "filters/retry/retry_filter.h"

#include <utility>

namespace sluice {
namespace {

bool may_retry(const ResponseWriter& out, const Error& error) noexcept {
  return error.retriable != Retriable::kNever && !out.head_sent();
}

}  // namespace

Task<Result<void>> RetryFilter::handle(Call& call, ResponseWriter& out, CallNext next) {
  for (std::uint32_t attempt = 1;; ++attempt) {
    Call fresh = call;
    fresh.attempt = attempt;
    Result<void> outcome = co_await next(fresh, out);
    if (outcome || attempt == attempts_ || !may_retry(out, outcome.error())) co_return outcome;
    call.tried = std::move(fresh.tried);
    retries_.add();
  }
}

}  // namespace sluice
