#pragma once

#include <cstdint>

#include "gateway/base/metrics.h"
#include "gateway/http/http1/head_parser.h"
#include "gateway/runtime/time_source.h"

namespace sluice::http2 {

// What a connection to a backend may take.
struct ClientLimits {
  http1::HeadLimits head = {};      // of an answer, decoded, 32 bytes more for each field (RFC 9113 6.5.2)
  std::uint32_t max_streams = 100;  // or fewer, if the backend says so
  // What one answer may hold of unread bytes, in memory as well: the backend has room for more only when the
  // reader let go of what it read. A token stream is read as it arrives and never comes near it.
  std::uint32_t stream_window = 64 * 1024;
  // Given back as bytes arrive, read or not, so it only has to cover what is under way.
  std::uint32_t connection_window = 16 * 1024 * 1024;
  // A connection with requests under way that was silent for so long is asked whether it lives. 0: never.
  Duration ping_interval = std::chrono::seconds(30);
  Duration ping_timeout = std::chrono::seconds(10);
  bool ping_idle = false;  // without requests too
  // How long the socket may take no byte.
  Duration stall = std::chrono::seconds(30);
};

struct ClientCounts {
  Gauge& streams;
  Counter& goaways;     // connections that the backend asked to leave
  Counter& refused;     // requests that the backend did not process: REFUSED_STREAM, or above GOAWAY's last
  Counter& resets;      // answers that the backend reset
  Counter& pings_lost;  // connections that did not answer a PING in time
  Counter& protocol_errors;  // connections and answers that broke RFC 9113, floods among them
};

}  // namespace sluice::http2
