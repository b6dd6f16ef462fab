#pragma once

#include <cstdint>

#include "gateway/base/metrics.h"
#include "gateway/proxy/call.h"
#include "gateway/proxy/filter.h"

namespace sluice {

// Sends a call again, to another endpoint, when an attempt failed before a byte of an answer was received: a
// refused connection, a reset, a kept-alive connection that was closed under the request. No attempt sees
// the edits of another. A body that is relayed as it arrives cannot be sent twice: the forwarder's errors
// say so once it has begun.
class RetryFilter final : public CallFilter {
 public:
  // `attempts`: in total, with the first; at least 1.
  RetryFilter(std::uint32_t attempts, Counter& retries) noexcept : attempts_(attempts), retries_(retries) {}

  Task<Result<void>> handle(Call& call, ResponseWriter& out, CallNext next) override;

 private:
  Task<Result<void>> send_until_answered(Call& call, ResponseWriter& out, CallNext next);

  std::uint32_t attempts_;
  Counter& retries_;
};

}  // namespace sluice
