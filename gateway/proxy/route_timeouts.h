#pragma once

#include "gateway/runtime/time_source.h"

namespace sluice {

// How long one attempt may wait; between_tokens counts only while the backend is waited for. `total` bounds
// the whole exchange.
struct RouteTimeouts {
  Duration connect = std::chrono::seconds(1);
  Duration first_content = std::chrono::seconds(60);
  Duration between_tokens = std::chrono::seconds(30);
  Duration total = std::chrono::minutes(10);
};

}  // namespace sluice
