#pragma once

#include <string_view>

#include "gateway/base/metrics.h"

namespace sluice {

// Reads the process' memory, file descriptors and start time from /proc into the gauges that Prometheus'
// client libraries have (process_resident_memory_bytes, process_open_fds, process_max_fds, process_threads,
// process_start_time_seconds) and sets sluice_build_info{version} to 1. What cannot be read keeps its last
// value. Called at each scrape, by the thread that owns the Metrics; it blocks for some 50 µs.
void sample_process(Metrics& metrics, std::string_view version);

}  // namespace sluice
