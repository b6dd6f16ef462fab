#pragma once

#include "gateway/base/metrics.h"
#include "gateway/http/tls_accept.h"

namespace sluice {

// Brings the series of the clients' handshakes up to date. Each has its series from the first scrape on only
// if it ever happened.
void sample_tls(const TlsCounts& counts, Metrics& metrics);

}  // namespace sluice
