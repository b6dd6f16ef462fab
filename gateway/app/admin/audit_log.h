#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "gateway/app/log_sink.h"
#include "gateway/app/operator_log.h"
#include "gateway/base/metrics.h"

namespace sluice {

// Who changed what, or was refused it: one JSON line each in admin.audit_log, and a counter.
//   {"time":"…","level":"info","message":"admin","who":"127.0.0.1:53412","action":"drain","subject":"","result":"ok"}
// Threads: the control loop's. Lines wait in the sink's bounded queue; what finds no room is counted there.
class AuditLog {
 public:
  // `target` as in the configuration: a path, `stdout`, `stderr`, `off`. Errors: kConfig.
  static Result<std::unique_ptr<AuditLog>> open(std::string_view target, const TimeSource& time,
                                                Metrics& metrics);

  // `result`: `ok`, `failed`, or the verdict's name.
  void note(std::string_view who, std::string_view action, std::string_view subject, std::string_view result);

  // For log rotation, and the counts of its lines for a scrape.
  LogSink& sink() noexcept { return *sink_; }

 private:
  AuditLog(std::unique_ptr<LogSink> sink, const TimeSource& time, Metrics& metrics)
      : sink_(std::move(sink)), log_(*sink_, time, LogFormat::kJson, LogLevel::kInfo), metrics_(metrics) {}

  std::unique_ptr<LogSink> sink_;
  OperatorLog log_;
  Metrics& metrics_;
};

}  // namespace sluice
