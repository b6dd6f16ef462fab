#pragma once

#include <memory>

#include "gateway/http/stream.h"

namespace sluice {

class Gateway;

// The operators' pages, on a listener of their own on the control loop: /live, /ready, /metrics, /clusters,
// /config, /streams. Read only. The gateway outlives the handler.
std::unique_ptr<StreamHandler> make_admin(Gateway& gateway);

}  // namespace sluice
