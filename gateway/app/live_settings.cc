#include "gateway/app/live_settings.h"

namespace sluice {
namespace {

template <class Setting>
void keep(const Setting& running, Setting& next, const char* path, std::vector<std::string>& kept) {
  if (next == running) return;
  next = running;
  kept.push_back(std::string(path) + " needs a restart: it stays as it was");
}

}  // namespace

LogLevel to_log_level(config::Log::Level level) noexcept {
  switch (level) {
    case config::Log::Level::kDebug:
      return LogLevel::kDebug;
    case config::Log::Level::kInfo:
      return LogLevel::kInfo;
    case config::Log::Level::kWarning:
      return LogLevel::kWarning;
    case config::Log::Level::kError:
      break;
  }
  return LogLevel::kError;
}

std::vector<std::string> keep_fixed_settings(const config::Config& running, config::Config& next) {
  std::vector<std::string> kept;
  // Sockets, tokens and logs of the control loop that would answer for the change itself.
  keep(running.admin, next.admin, "admin", kept);
  // Every shard's read buffers are cut to it when the shard begins.
  keep(running.limits.stream_buffer_bytes, next.limits.stream_buffer_bytes, "limits.stream_buffer_bytes",
       kept);
  // Its writer's thread and queue are made for one target.
  keep(running.observability.access_log, next.observability.access_log, "observability.access_log", kept);
  keep(running.observability.traces, next.observability.traces, "observability.traces", kept);
  return kept;
}

}  // namespace sluice
