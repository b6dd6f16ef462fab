#pragma once

#include "config/description.h"

namespace sluice::config {

// The description of Config, through which that of every other struct is reached.
const Struct& config_struct();

}  // namespace sluice::config
