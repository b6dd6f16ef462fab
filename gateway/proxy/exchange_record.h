#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "gateway/base/error.h"
#include "gateway/http/head.h"
#include "gateway/llm/usage_scanner.h"
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

// What is told about an exchange when it has ended: the source of its access-log line and of its metrics.
// Written as the exchange goes along, so that it is true at every moment, cancellation included.
struct ExchangeRecord {
  std::string id;
  std::string trace_id;
  std::string peer;
  std::string client;  // behind the trusted proxy that the peer is; else empty
  std::string_view protocol;
  Method method = Method::kGet;
  std::string path;  // without the query, which may carry secrets
  std::string route;
  std::string model;
  std::string cluster;   // of the last attempt
  std::string endpoint;  // of the last attempt
  bool stream = false;   // the client asked for a stream of events

  WallTime started_at{};
  TimePoint received_at{};
  std::optional<TimePoint> first_content_at;
  std::optional<TimePoint> last_content_at;
  std::optional<TimePoint> ended_at;
  Duration longest_gap{};  // between two pieces of content

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
    error_detail = e.detail;
  }
};

}  // namespace sluice
