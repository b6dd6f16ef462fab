#pragma once

#include "gateway/base/metrics.h"
#include "gateway/http/http2/server_counts.h"

namespace sluice {

// Brings the series of the clients' HTTP/2 connections up to date.
void sample_http2(const http2::ServerCounts& counts, Metrics& metrics);

}  // namespace sluice
