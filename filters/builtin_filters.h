#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "filters/direct_answer/direct_answer_filter.h"
#include "filters/redirect/redirect_filter.h"
#include "filters/target_choice/target_choice_filter.h"
#include "gateway/base/metrics.h"
#include "gateway/proxy/edits.h"
#include "gateway/proxy/exchange_sink.h"
#include "gateway/proxy/filter_chain.h"
#include "gateway/runtime/loop.h"

namespace sluice {

// What every filter of a shard may need; all of it outlives the chains.
struct FilterServices {
  Loop& loop;
  Metrics& metrics;
  ExchangeSink& sink;
};

// Whose models a route lists, beside the names that routes give to models.
struct ModelListing {
  std::vector<UpstreamCluster*> clusters;
  std::vector<std::string> aliases;
};

// A route's settings, as the filters take them.
struct RouteSettings {
  std::vector<WeightedTarget> targets;
  std::uint32_t attempts = 3;
  bool meter_usage = true;  // read along with answers
  RequestEdits request = {};
  HeaderEdits response = {};
  // One of these instead of targets.
  std::optional<DirectAnswerFilter::Answer> answer = {};
  std::optional<RedirectTarget> redirect = {};
  std::optional<ModelListing> models = {};
};

// The filters that every exchange passes before its route is known.
ExchangeChain make_entry_chain(const FilterServices& services);

// The filters of one route, from the edits of its answers to the upstream call; `forwarder` is the innermost.
ExchangeChain make_route_chain(const FilterServices& services, RouteSettings settings,
                               std::unique_ptr<CallFilter> forwarder);

}  // namespace sluice
