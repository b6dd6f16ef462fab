#pragma once

#include <utility>
#include <vector>

#include "gateway/base/metrics.h"
#include "gateway/proxy/exchange.h"
#include "gateway/proxy/filter.h"
#include "gateway/runtime/loop.h"

namespace sluice {

// Reads along with the answer: time to first token, gaps between tokens, and the usage that the backend
// reports. The bytes pass unchanged and at once; no event is decoded unless its text mentions usage or an
// error.
class UsageFilter final : public ExchangeFilter {
 public:
  // Where the gaps between pieces of content of each target's answers are counted, in seconds.
  using GapHistograms = std::vector<std::pair<const UpstreamCluster*, Histogram*>>;

  UsageFilter(Loop& loop, GapHistograms gaps) : loop_(loop), gaps_(std::move(gaps)) {}

  Task<Result<void>> handle(Exchange& exchange, ResponseWriter& client, ExchangeNext next) override;

 private:
  Loop& loop_;
  GapHistograms gaps_;
};

}  // namespace sluice
