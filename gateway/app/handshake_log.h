#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <string>

#include "gateway/app/listener_plan.h"
#include "gateway/base/log.h"
#include "gateway/http/tls_accept.h"
#include "gateway/runtime/time_source.h"

namespace sluice {

// A listener's failed handshakes in the operator's log. What may come of a certificate or of settings is
// written as info; what strangers on the internet do all day (bytes that are no TLS, connections that end) as
// debug. Of each of the two kInterval apart at most, with the number of those that were left out between: a
// flood of failures does not become one of lines. Every one counts in metrics.
//
// Threads: any.
class HandshakeLog final : public TlsRefusalObserver {
 public:
  static constexpr Duration kInterval = std::chrono::seconds(1);

  // Log and time outlive it.
  HandshakeLog(Log& log, const TimeSource& time, std::string listener)
      : log_(log), time_(time), listener_(std::move(listener)) {}

  void on_refused(const TlsRefusal& refused, const std::string& client) noexcept override;

 private:
  // Of one level.
  struct Pace {
    std::atomic<std::int64_t> next{INT64_MIN};  // of the monotonic clock, in nanoseconds
    std::atomic<std::uint64_t> left_out{0};
  };

  Log& log_;
  const TimeSource& time_;
  const std::string listener_;
  std::array<Pace, 2> paces_;  // debug, info
};

// Gives each listener of the plan that speaks TLS a log of its own.
void log_handshakes(ListenerPlan& plan, Log& log, const TimeSource& time);

}  // namespace sluice
