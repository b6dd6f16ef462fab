#pragma once

#include <span>
#include <string>

#include "gateway/base/metrics.h"

namespace sluice {

// The Content-Type of what render_prometheus returns.
inline constexpr std::string_view kPrometheusContentType = "text/plain; version=0.0.4; charset=utf-8";

// All metrics of the given threads in Prometheus' text format 0.0.4. Series with the same name and labels are
// added up: counters, gauges, and histograms bucket by bucket. Families are in order of name, series in order
// of labels, so two scrapes of the same state are the same bytes. It blocks no writer of a cell, and holds
// each Metrics' lock only to list its series. Threads: any. A family that two threads registered with
// different types or bounds throws std::logic_error.
std::string render_prometheus(std::span<const Metrics* const> threads);

}  // namespace sluice
