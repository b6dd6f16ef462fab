#include "gateway/app/operator_log.h"

#include <fmt/format.h>
#include <unistd.h>

#include <chrono>
#include <iterator>

#include "gateway/base/json_escape.h"

namespace sluice {
namespace {

// RFC 3339, section 5.6, in UTC.
void append_time(WallTime time, std::string& out) {
  using namespace std::chrono;
  const auto day = floor<days>(time);
  const year_month_day date(day);
  const hh_mm_ss clock(floor<milliseconds>(time - day));
  fmt::format_to(std::back_inserter(out), "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z",
                 static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                 static_cast<unsigned>(date.day()), clock.hours().count(), clock.minutes().count(),
                 clock.seconds().count(), clock.subseconds().count());
}

void append_quoted(std::string_view text, std::string& out) {
  out += '"';
  json_escape(text, out);
  out += '"';
}

void append_json(WallTime time, LogLevel level, std::string_view text, std::span<const LogField> fields,
                 std::string& out) {
  out += R"({"time":")";
  append_time(time, out);
  out.append(R"(","level":")").append(name(level)).append(R"(","message":)");
  append_quoted(text, out);
  for (const LogField& field : fields) {
    out += ',';
    append_quoted(field.key(), out);
    out += ':';
    if (field.bare()) {
      out += field.value();
    } else {
      append_quoted(field.value(), out);
    }
  }
  out += '}';
}

void append_plain(WallTime time, LogLevel level, std::string_view text, std::span<const LogField> fields,
                  std::string& out) {
  append_time(time, out);
  out.append(" ").append(name(level)).append(" ");
  json_escape(text, out);
  for (const LogField& field : fields) {
    out.append(" ").append(field.key()).append("=");
    // Quoted where a reader could not tell where the value ends.
    if (field.value().empty() || field.value().find_first_of(" \"=") != std::string_view::npos) {
      append_quoted(field.value(), out);
    } else {
      json_escape(field.value(), out);
    }
  }
}

}  // namespace

LogFormat format_for_stderr() noexcept {
  return ::isatty(STDERR_FILENO) ? LogFormat::kPlain : LogFormat::kJson;
}

std::string format_log_line(LogFormat format, WallTime time, LogLevel level, std::string_view text,
                            std::span<const LogField> fields) {
  std::string line;
  (format == LogFormat::kJson ? append_json : append_plain)(time, level, text, fields, line);
  return line;
}

void OperatorLog::write(LogLevel level, std::string_view text, std::span<const LogField> fields) noexcept {
  if (level < lowest_.load(std::memory_order_relaxed)) return;
  sink_.write(format_log_line(format_, time_.wall(), level, text, fields));
}

}  // namespace sluice
