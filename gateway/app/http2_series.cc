#include "gateway/app/http2_series.h"

#include <cstddef>
#include <string>

namespace sluice {

void sample_http2(const http2::ServerCounts& counts, Metrics& metrics) {
  metrics.counter("sluice_http2_connections_total", "Connections of clients that spoke HTTP/2.")
      .raise_to(counts.connections);
  metrics.counter("sluice_http2_streams_total", "Requests that began on them.").raise_to(counts.streams);
  metrics
      .counter("sluice_http2_refused_streams_total",
               "Streams refused unprocessed: over max_streams, or too many heads at once.")
      .raise_to(counts.refused_streams);
  constexpr const char* kResets = "Streams that ended early, by whose word.";
  metrics.counter("sluice_http2_resets_total", kResets, {{"by", "client"}}).raise_to(counts.client_resets);
  metrics.counter("sluice_http2_resets_total", kResets, {{"by", "gateway"}}).raise_to(counts.error_resets);
  metrics
      .counter("sluice_http2_stream_write_timeouts_total",
               "Streams whose client took no byte of the answer for write_timeout.")
      .raise_to(counts.write_timeouts);
  metrics
      .gauge("sluice_http2_stalled_streams", "Streams whose answers wait for room in their client's windows.")
      .set(static_cast<double>(counts.stalled_streams));
  for (std::size_t i = 0; i < counts.cuts.size(); ++i) {
    metrics
        .counter("sluice_http2_cuts_total",
                 "HTTP/2 connections that the gateway ended for what their clients did.",
                 {{"reason", std::string(name(static_cast<http2::Cut>(i)))}})
        .raise_to(counts.cuts[i]);
  }
}

}  // namespace sluice
