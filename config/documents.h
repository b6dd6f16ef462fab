#pragma once

#include <string>

#include "config/config.h"

namespace sluice::config {

// The whole configuration with every default written out: YAML that loads again to an equal Config.
std::string print_effective(const Config& config);

// JSON Schema, draft 2020-12, for editors that complete and check as one types.
std::string json_schema();

// Every key with type, default, range and meaning: the text of config/reference.md.
std::string reference_markdown();

}  // namespace sluice::config
