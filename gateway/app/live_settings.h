#pragma once

#include <string>
#include <vector>

#include "config/config.h"
#include "gateway/base/log.h"

namespace sluice {

LogLevel to_log_level(config::Log::Level level) noexcept;

// Puts what cannot change while the process runs back to what runs, so that `next` is what will truly be in
// force, and says so: one line for each setting that needs a restart, by its path in the file.
std::vector<std::string> keep_fixed_settings(const config::Config& running, config::Config& next);

}  // namespace sluice
