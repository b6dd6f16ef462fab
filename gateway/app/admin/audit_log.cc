#include "gateway/app/admin/audit_log.h"

#include <utility>

namespace sluice {

Result<std::unique_ptr<AuditLog>> AuditLog::open(std::string_view target, const TimeSource& time,
                                                 Metrics& metrics) {
  Result<std::unique_ptr<LogSink>> sink = LogSink::open({.target = LogTarget::parse(target)});
  if (!sink) return fail(std::move(sink.error()));
  return std::unique_ptr<AuditLog>(new AuditLog(std::move(*sink), time, metrics));
}

void AuditLog::note(std::string_view who, std::string_view action, std::string_view subject,
                    std::string_view result) {
  const bool good = result == "ok";
  log_.write(good ? LogLevel::kInfo : LogLevel::kWarning, "admin",
             std::initializer_list<LogField>{
                 {"who", who}, {"action", action}, {"subject", subject}, {"result", result}});
  metrics_
      .counter("sluice_admin_actions_total",
               "Changes over the admin interface, and attempts that were refused.",
               {{"action", std::string(action)}, {"result", std::string(result)}})
      .add();
}

}  // namespace sluice
