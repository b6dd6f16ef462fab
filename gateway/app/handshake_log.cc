#include "gateway/app/handshake_log.h"

#include <memory>
#include <utility>

namespace sluice {
namespace {

LogLevel level_of(TlsFailure failure) noexcept {
  switch (failure) {
    case TlsFailure::kTimeout:
    case TlsFailure::kPeerGone:
    case TlsFailure::kPlainHttp:
    case TlsFailure::kProtocol:
      return LogLevel::kDebug;
    default:
      return LogLevel::kInfo;
  }
}

}  // namespace

void HandshakeLog::on_refused(const TlsRefusal& refused, const std::string& client) noexcept {
  const LogLevel level = level_of(refused.failure);
  Pace& pace = paces_[level == LogLevel::kInfo ? 1 : 0];
  const std::int64_t now = time_.now().time_since_epoch().count();
  std::int64_t next = pace.next.load(std::memory_order_relaxed);
  // Whoever moves the next line's time writes this one.
  if (now < next || !pace.next.compare_exchange_strong(next, now + kInterval.count())) {
    pace.left_out.fetch_add(1, std::memory_order_relaxed);
    return;
  }
  const LogField fields[] = {{"listener", listener_},
                             {"client", client},
                             {"reason", name(refused.failure)},
                             {"detail", refused.detail},
                             {"left_out", pace.left_out.exchange(0, std::memory_order_relaxed)}};
  log_.write(level, "TLS handshake failed", fields);
}

void log_handshakes(ListenerPlan& plan, Log& log, const TimeSource& time) {
  for (std::size_t i = 0; i < plan.listeners.size(); ++i) {
    const auto handshakes = std::make_shared<HandshakeLog>(log, time, plan.listeners[i].name);
    for (auto& updates : plan.shards) {
      if (updates[i].options.tls) updates[i].options.tls->refusals = handshakes;
    }
  }
}

}  // namespace sluice
