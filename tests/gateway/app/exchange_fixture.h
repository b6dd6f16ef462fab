#pragma once

#include <chrono>

#include "gateway/proxy/exchange_record.h"

namespace sluice::test {

// A sampled stream of 500 ms: 10 ms to read it, 5 in the queue, 15 to connect, 170 to the first content.
inline ExchangeRecord streamed_exchange() {
  using std::chrono::milliseconds;
  ExchangeRecord r;
  const TimePoint received(std::chrono::hours(1));
  r.trace_id = "4bf92f3577b34da6a3ce929d0e0e4736";
  r.span_id = 0xabc;
  r.parent_span_id = 0x00f067aa0ba902b7;
  r.sampled = true;
  r.protocol = "HTTP/1.1";
  r.method = Method::kPost;
  r.path = "/v1/chat/completions";
  r.route = "chat";
  r.model = "tiny";
  r.cluster = "models";
  r.endpoint = "gpu-1:8000";
  r.stream = true;
  r.started_at = WallTime(std::chrono::seconds(1'700'000'000));
  r.received_at = received;
  r.last_attempt = {.queued_at = received + milliseconds(10),
                    .connecting_at = received + milliseconds(15),
                    .waiting_at = received + milliseconds(30),
                    .streaming_at = received + milliseconds(200)};
  r.ended_at = received + milliseconds(500);
  r.status = 200;
  r.attempts = 2;
  r.usage = llm::Usage{};
  r.usage->prompt_tokens = 11;
  r.usage->completion_tokens = 7;
  return r;
}

}  // namespace sluice::test
