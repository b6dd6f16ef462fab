#pragma once

#include <string>

#include "gateway/runtime/time_source.h"

namespace sluice {

// IMF-fixdate of RFC 9110 5.6.7, for example "Sun, 06 Nov 1994 08:49:37 GMT". Years 1970 to 9999.
std::string http_date(WallTime time);

}  // namespace sluice
