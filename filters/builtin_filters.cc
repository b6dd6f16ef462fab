#include "filters/builtin_filters.h"

#include <utility>

#include "filters/body_view/body_view_filter.h"
#include "filters/deadline/deadline_filter.h"
#include "filters/list_models/list_models_filter.h"
#include "filters/record/record_filter.h"
#include "filters/request_edit/request_edit_filter.h"
#include "filters/response_edit/response_edit_filter.h"
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

static UsageFilter::GapHistograms gap_histograms(const FilterServices& services,
                                                 const std::vector<WeightedTarget>& targets) {
  UsageFilter::GapHistograms gaps;
  for (const WeightedTarget& target : targets) {
    gaps.emplace_back(target.cluster,
                      &services.metrics.histogram("sluice_inter_token_gap_seconds",
                                                  "Time between two pieces of content of an answer.",
                                                  {{"cluster", target.name}}, kTokenGapBuckets));
  }
  return gaps;
}

static CallChain make_call_chain(const FilterServices& services, std::uint32_t attempts,
                                 std::unique_ptr<CallFilter> forwarder) {
  CallChain chain;
  // What is below runs once for each attempt.
  chain.add(std::make_unique<RetryFilter>(
      attempts, services.metrics.counter("sluice_retries_total", "Attempts after the first one.")));
  chain.add(std::move(forwarder));
  return chain;
}

ExchangeChain make_route_chain(const FilterServices& services, RouteSettings settings,
                               std::unique_ptr<CallFilter> forwarder) {
  ExchangeChain chain;
  // Sees whatever the route answers.
  if (!settings.response.empty())
    chain.add(std::make_unique<ResponseEditFilter>(std::move(settings.response)));
  if (settings.answer) {
    chain.add(std::make_unique<DirectAnswerFilter>(std::move(*settings.answer)));
    return chain;
  }
  if (settings.redirect) {
    chain.add(std::make_unique<RedirectFilter>(std::move(*settings.redirect)));
    return chain;
  }
  if (settings.models) {
    CallChain calls = make_call_chain(services, settings.attempts, std::move(forwarder));
    chain.add(std::make_unique<ListModelsFilter>(services.loop, std::move(calls), settings.models->clusters,
                                                 std::move(settings.models->aliases)));
    return chain;
  }
  UsageFilter::GapHistograms gaps = gap_histograms(services, settings.targets);
  // Cache key and price depend on what serves the request.
  chain.add(std::make_unique<TargetChoiceFilter>(std::move(settings.targets)));
  // Above the cache, so that a replayed answer is measured like a live one.
  if (settings.meter_usage) chain.add(std::make_unique<UsageFilter>(services.loop, std::move(gaps)));
  // Once for all attempts.
  if (!settings.request.empty()) chain.add(std::make_unique<RequestEditFilter>(std::move(settings.request)));
  chain.add(std::make_unique<UpstreamCallFilter>(
      make_call_chain(services, settings.attempts, std::move(forwarder))));
  return chain;
}

}  // namespace sluice
