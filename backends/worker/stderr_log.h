#pragma once

#include "gateway/base/log.h"
#include "gateway/runtime/time_source.h"

namespace sluice::worker {

// The worker's log: a line of JSON for each event on standard error, or plain text where that is a terminal.
// It writes in place, which may block: the worker logs when it starts and stops, never for a request.
class StderrLog final : public Log {
 public:
  explicit StderrLog(const TimeSource& time);

  void write(LogLevel level, std::string_view text, std::span<const LogField> fields) noexcept override;

 private:
  const TimeSource& time_;
  const bool plain_;
};

}  // namespace sluice::worker
