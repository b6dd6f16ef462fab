#include "gateway/http/http2/server_counts.h"

namespace sluice::http2 {

std::string_view name(Cut cut) noexcept {
  switch (cut) {
    case Cut::kProtocolError:
      return "protocol_error";
    case Cut::kControlFlood:
      return "control_flood";
    case Cut::kResetFlood:
      return "reset_flood";
    case Cut::kHeadFlood:
      return "head_flood";
    case Cut::kUnreadAnswers:
      return "unread_answers";
    case Cut::kHeadTimeout:
      return "head_timeout";
    case Cut::kWriteTimeout:
      return "write_timeout";
  }
  return "";
}

ServerCounts& ServerCounts::operator+=(const ServerCounts& other) noexcept {
  connections += other.connections;
  streams += other.streams;
  refused_streams += other.refused_streams;
  client_resets += other.client_resets;
  error_resets += other.error_resets;
  write_timeouts += other.write_timeouts;
  stalled_streams += other.stalled_streams;
  for (std::size_t i = 0; i < cuts.size(); ++i)
    cuts[i] += other.cuts[i];
  return *this;
}

}  // namespace sluice::http2
