#pragma once

#include <atomic>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "gateway/base/line_sink.h"
#include "gateway/base/log.h"
#include "gateway/runtime/time_source.h"

namespace sluice {

enum class LogFormat : std::uint8_t { kPlain, kJson };

// Plain text when standard error is a terminal, JSON when it goes to a file or a collector.
LogFormat format_for_stderr() noexcept;

// One line without its end. Every part is escaped: no value can forge a line or move a terminal's cursor.
//   {"time":"2026-01-02T03:04:05.678Z","level":"warning","message":"endpoint ejected","failures":5}
//   2026-01-02T03:04:05.678Z warning endpoint ejected failures=5
std::string format_log_line(LogFormat format, WallTime time, LogLevel level, std::string_view text,
                            std::span<const LogField> fields);

// The operator's log on a LineSink. Threads: any, if the sink allows any. The sink outlives it.
class OperatorLog final : public Log {
 public:
  OperatorLog(LineSink& sink, const TimeSource& time, LogFormat format, LogLevel lowest)
      : sink_(sink), time_(time), format_(format), lowest_(lowest) {}

  void write(LogLevel level, std::string_view text, std::span<const LogField> fields) noexcept override;
  // Lines below it are not written; a reload may change it.
  void set_lowest(LogLevel lowest) noexcept { lowest_.store(lowest, std::memory_order_relaxed); }
  LogLevel lowest() const noexcept { return lowest_.load(std::memory_order_relaxed); }

 private:
  LineSink& sink_;
  const TimeSource& time_;
  const LogFormat format_;
  std::atomic<LogLevel> lowest_;
};

}  // namespace sluice
