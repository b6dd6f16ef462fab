#include "gateway/app/exchange_trace.h"

namespace sluice {

ExchangeTrace trace_of(const ExchangeRecord& r) {
  const auto wall = [&](const std::optional<TimePoint>& at) -> std::optional<WallTime> {
    if (!at) return std::nullopt;
    return r.started_at + (*at - r.received_at);
  };
  const auto cut = [](std::string_view text) { return std::string(text.substr(0, ExchangeTrace::kMaxText)); };
  return {.trace_id = std::string(r.trace_id),
          .span_id = r.span_id,
          .parent_span_id = r.parent_span_id,
          .sampled = r.sampled,
          .started_at = r.started_at,
          .ended_at = wall(r.ended_at).value_or(r.started_at),
          .queued_at = wall(r.last_attempt.queued_at),
          .connecting_at = wall(r.last_attempt.connecting_at),
          .waiting_at = wall(r.last_attempt.waiting_at),
          // The usage filter knows the first content from an event that has none; it may not be in the chain.
          .first_content_at = wall(r.first_content_at ? r.first_content_at : r.last_attempt.streaming_at),
          .method = r.method,
          .protocol = r.protocol,
          .path = cut(r.path),
          .route = cut(r.route),
          .model = cut(r.model),
          .cluster = cut(r.cluster),
          .endpoint = cut(r.endpoint),
          .stream = r.stream,
          .status = r.status,
          .error = r.error,
          .attempts = r.attempts,
          .usage = r.usage};
}

}  // namespace sluice
