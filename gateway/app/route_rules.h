#pragma once

#include <memory>

#include "config/config.h"
#include "gateway/proxy/route_matcher.h"

namespace sluice {

// The rules of a checked configuration's routes, compiled for all shards.
std::shared_ptr<const RouteMatcher> compile_routes(const config::Config& config);

}  // namespace sluice
