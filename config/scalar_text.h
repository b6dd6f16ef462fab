#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "config/description.h"

namespace sluice::config {

// A number of the type as its file writes it: `90s`, `64KiB`, `3`, `true`, `least_loaded`.
std::string number_text(const Type& type, std::int64_t number);

// A value of any type but kStruct, kList and kOptional, without quotes.
std::string scalar_text(const Type& type, const void* value);

// In double quotes, escaped as both JSON and YAML read it.
std::string quote_json(std::string_view text);

}  // namespace sluice::config
