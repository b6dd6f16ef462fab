#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "gateway/base/error.h"
#include "gateway/http/head.h"
#include "gateway/llm/usage_scanner.h"
#include "gateway/runtime/pooled_allocator.h"
#include "gateway/runtime/time_source.h"

namespace sluice {

// Where an exchange stands; the operator's way to see what a stream waits for.
enum class ExchangeState : std::uint8_t {
  kReadingBody,  // the client is sending its request
  kQueued,       // for a connection to a backend
  kConnecting,
  kWaiting,    // for the first content of the answer
  kStreaming,  // content is being relayed
  kDone,
};
std::string_view name(ExchangeState state) noexcept;

// When an attempt entered each of its states; unset where it did not get there. A kept-alive connection needs
// no connecting.
struct AttemptTimes {
  std::optional<TimePoint> queued_at = {};
  std::optional<TimePoint> connecting_at = {};
  std::optional<TimePoint> waiting_at = {};    // a connection was there, the request is being sent
  std::optional<TimePoint> streaming_at = {};  // the first byte of the answer's body
};

// What is told about an exchange when it has ended: the source of its access-log line, metrics and spans.
// Written as the exchange goes along, so that it is true at every moment, cancellation included.
struct ExchangeRecord {
  PooledString id;
  PooledString trace_id;             // empty for what never became a request
  std::uint64_t span_id = 0;         // the exchange's own, sent upstream in traceparent
  std::uint64_t parent_span_id = 0;  // the client's; 0 if it sent none
  bool sampled = false;              // traceparent's flag, as it is sent upstream
  std::string_view peer;             // the connection's, and as long as it lasts
  std::string_view client;           // behind the trusted proxy that the peer is; else empty; the exchange's
  std::string_view protocol;
  std::string_view tls;  // the version of TLS; empty on a plain connection
  std::string_view
      client_certificate;  // its subject, as the connection has it; empty if the client showed none
  Method method = Method::kGet;
  PooledString path;       // without the query, which may carry secrets
  std::string_view route;  // as the exchange's routes have it
  std::string model;
  std::string_view cluster;  // of the last attempt; as the routes have it
  std::string endpoint;      // of the last attempt
  bool stream = false;       // the client asked for a stream of events

  WallTime started_at{};
  TimePoint received_at{};
  std::optional<TimePoint> first_content_at;
  std::optional<TimePoint> last_content_at;
  std::optional<TimePoint> ended_at;
  AttemptTimes last_attempt;
  Duration longest_gap{};     // between two pieces of content
  Duration client_stalled{};  // the client had no room for what was written: its windows, or its socket

  int status = 0;  // sent to the client; 499 if it left before there was one
  std::optional<ErrorKind> error;
  std::string error_detail;
  std::uint32_t attempts = 0;
  std::uint64_t request_bytes = 0;  // of the body
  std::uint64_t response_bytes = 0;
  std::uint64_t content_events = 0;
  std::optional<llm::Usage> usage;

  ExchangeState state = ExchangeState::kReadingBody;

  void note_error(const Error& e) {
    error = e.kind;
    error_detail = e.detail();
  }
};

}  // namespace sluice
