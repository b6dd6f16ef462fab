#include "backends/worker/stderr_log.h"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>

#include "gateway/base/json_escape.h"

namespace sluice::worker {
namespace {

// RFC 3339, section 5.6, in UTC.
std::string format_time(WallTime time) {
  using namespace std::chrono;
  const auto seconds_part = time_point_cast<seconds>(time);
  const auto milliseconds_part = duration_cast<milliseconds>(time - seconds_part).count();
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z", fmt::gmtime(system_clock::to_time_t(seconds_part)),
                     milliseconds_part);
}

std::string quoted(std::string_view text) {
  std::string out = "\"";
  json_escape(text, out);
  return out + '"';
}

}  // namespace

StderrLog::StderrLog(const TimeSource& time) : time_(time), plain_(::isatty(STDERR_FILENO) != 0) {}

void StderrLog::write(LogLevel level, std::string_view text, std::span<const LogField> fields) noexcept {
  std::string line;
  if (plain_) {
    line = fmt::format("{} {} {}", format_time(time_.wall()), name(level), text);
    for (const LogField& field : fields) {
      line += fmt::format(" {}={}", field.key(),
                          field.bare() ? std::string(field.value()) : quoted(field.value()));
    }
  } else {
    line = fmt::format(R"({{"time":"{}","level":"{}","message":{})", format_time(time_.wall()), name(level),
                       quoted(text));
    for (const LogField& field : fields) {
      line += fmt::format(",{}:{}", quoted(field.key()),
                          field.bare() ? std::string(field.value()) : quoted(field.value()));
    }
    line += '}';
  }
  line += '\n';
  std::fwrite(line.data(), 1, line.size(), stderr);
}

}  // namespace sluice::worker
