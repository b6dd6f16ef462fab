#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "filters/target_choice/target_choice_filter.h"
#include "gateway/base/metrics.h"
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

// A route's settings, as the filters take them.
struct RouteSettings {
  std::vector<WeightedTarget> targets;
  std::uint32_t attempts = 3;
};

// The filters that every exchange passes before its route is known.
ExchangeChain make_entry_chain(const FilterServices& services);

// The filters of one route, from the choice of a target to the upstream call; `forwarder` is the innermost.
ExchangeChain make_route_chain(const FilterServices& services, RouteSettings settings,
                               std::unique_ptr<CallFilter> forwarder);

}  // namespace sluice
