#pragma once

#include "config/config.h"

namespace sluice::config {

// Does `wide` take every request that `narrow` takes? A false means "not for certain": expressions are only
// compared as texts, so a route may be covered without being found so, but never the other way round. Both
// come from a file without errors.
bool covers(const Match& wide, const Match& narrow);

}  // namespace sluice::config
