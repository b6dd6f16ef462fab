#include "filters/retry/retry_filter.h"

#include <utility>

namespace sluice {
namespace {

bool may_retry(const ResponseWriter& out, const Error& error) noexcept {
  return error.retriable != Retriable::kNever && !out.head_sent();
}

}  // namespace

Task<Result<void>> RetryFilter::handle(Call& call, ResponseWriter& out, CallNext next) {
  return attempts_ == 1 ? next(call, out) : send_until_answered(call, out, next);
}

Task<Result<void>> RetryFilter::send_until_answered(Call& call, ResponseWriter& out, CallNext next) {
  const llm::Splices edits = call.splices;
  std::uint32_t counted = 0;
  for (call.attempt = 1;; ++call.attempt) {
    Result<void> outcome = co_await next(call, out);
    if (outcome || !may_retry(out, outcome.error())) co_return outcome;
    // A kept-alive connection that was closed under the request is no attempt that an endpoint failed. The
    // bound is for a backend that lets each connection serve once and then closes it under a request.
    const bool stale = outcome.error().retriable == Retriable::kReused && call.attempt <= 2 * attempts_;
    if (!stale && ++counted == attempts_) co_return outcome;
    call.splices = edits;
    retries_.add();
  }
}

}  // namespace sluice
