#pragma once

#include <string>
#include <string_view>

#include "gateway/base/result.h"

namespace sluice::text {

// The text in Unicode Normalization Form C, by ICU. ASCII is its own NFC and is copied without asking ICU.
// `text` must be well-formed UTF-8.
Result<std::string> to_nfc(std::string_view text);

}  // namespace sluice::text
