#pragma once

#include <span>
#include <string>
#include <string_view>

#include "gateway/app/exchange_trace.h"

namespace sluice {

// An ExportTraceServiceRequest of OTLP 1.x in the JSON mapping of protobuf. Each exchange is a server span
// with the attributes of OpenTelemetry's HTTP and GenAI conventions, and a child span for each phase that its
// last attempt reached: `queue`, `connect`, `time_to_first_token`, `stream`. The children's ids follow from
// the exchange's. Always valid JSON, whatever bytes a client sent. docs/tracing.md lists the attributes.
std::string encode_otlp(std::span<const ExchangeTrace> traces, std::string_view service_name,
                        std::string_view version);

}  // namespace sluice
