#pragma once

#include "config/config.h"
#include "config/problems.h"

namespace sluice::config {

// What no struct can check alone: names and addresses given twice, references that lead nowhere, routes that
// can never match. Values that could not be read are left out, so that one mistake is told once.
void validate(const Config& config, Problems& problems);

}  // namespace sluice::config
