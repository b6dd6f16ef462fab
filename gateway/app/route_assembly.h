#pragma once

#include <memory>

#include "config/config.h"
#include "filters/builtin_filters.h"
#include "gateway/app/cluster_set.h"
#include "gateway/proxy/route_table.h"

namespace sluice {

// One shard's routes with their chains, made from the configuration; `matcher` is compile_routes() of it.
// Everything that `services` names outlives them.
std::shared_ptr<const RouteTable> assemble_routes(const config::Config& config,
                                                  const FilterServices& services, const ClusterSet& clusters,
                                                  std::shared_ptr<const RouteMatcher> matcher);

}  // namespace sluice
