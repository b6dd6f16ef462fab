#include "filters/builtin_filters.h"

#include <utility>

#include "filters/body_view/body_view_filter.h"
#include "filters/deadline/deadline_filter.h"
#include "filters/record/record_filter.h"
#include "filters/retry/retry_filter.h"
#include "filters/upstream_call/upstream_call_filter.h"
#include "filters/usage/usage_filter.h"

namespace sluice {

ExchangeChain make_entry_chain(const FilterServices& services) {
  ExchangeChain chain;
  // Sees every answer, also those of the filters below.
  chain.add(std::make_unique<RecordFilter>(services.loop, services.sink));
  // Bounds every wait below.
  chain.add(std::make_unique<DeadlineFilter>(services.loop));
  // The first look at the body, after everything that needs only the head.
  chain.add(std::make_unique<BodyViewFilter>());
  return chain;
}

ExchangeChain make_route_chain(const FilterServices& services, RouteSettings settings,
                               std::unique_ptr<CallFilter> forwarder) {
  CallChain call;
  // Each attempt below is a fresh copy of the call.
  call.add(std::make_unique<RetryFilter>(
      settings.attempts, services.metrics.counter("sluice_retries_total", "Attempts after the first one.")));
  call.add(std::move(forwarder));

  UsageFilter::GapHistograms gaps;
  for (const WeightedTarget& target : settings.targets) {
    gaps.emplace_back(target.cluster,
                      &services.metrics.histogram("sluice_inter_token_gap_seconds",
                                                  "Time between two pieces of content of an answer.",
                                                  {{"cluster", target.name}}, kTokenGapBuckets));
  }

  ExchangeChain chain;
  // Cache key and price depend on what serves the request.
  chain.add(std::make_unique<TargetChoiceFilter>(std::move(settings.targets)));
  // Above the cache, so that a replayed answer is measured like a live one.
  chain.add(std::make_unique<UsageFilter>(services.loop, std::move(gaps)));
  chain.add(std::make_unique<UpstreamCallFilter>(std::move(call)));
  return chain;
}

}  // namespace sluice
