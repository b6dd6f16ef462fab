#include "gateway/base/log.h"

#include <fmt/format.h>

#include <cmath>

namespace sluice {

std::string_view name(LogLevel level) noexcept {
  switch (level) {
    case LogLevel::kDebug:
      return "debug";
    case LogLevel::kInfo:
      return "info";
    case LogLevel::kWarning:
      return "warning";
    case LogLevel::kError:
      break;
  }
  return "error";
}

std::string LogField::to_text(double value) {
  // JSON has no word for them.
  return std::isfinite(value) ? fmt::format("{}", value) : "null";
}

void MemoryLog::write(LogLevel level, std::string_view text, std::span<const LogField> fields) noexcept {
  std::string line = fmt::format("{}: {}", name(level), text);
  for (const LogField& field : fields)
    line.append(" ").append(field.key()).append("=").append(field.value());
  const std::lock_guard lock(mutex_);
  lines_.push_back(std::move(line));
}

std::vector<std::string> MemoryLog::lines() const {
  const std::lock_guard lock(mutex_);
  return lines_;
}

}  // namespace sluice
