#include "gateway/proxy/access_log.h"

#include <fmt/format.h>

#include <chrono>
#include <iterator>

#include "gateway/base/json_escape.h"

namespace sluice {
namespace {

class Line {
 public:
  explicit Line(std::string& out) : out_(out) { out_.push_back('{'); }

  void text(std::string_view key, std::string_view value) {
    begin(key);
    out_.push_back('"');
    json_escape(value, out_);
    out_.push_back('"');
  }
  void text_if(std::string_view key, std::string_view value) {
    if (!value.empty()) text(key, value);
  }
  template <class Number>
  void number(std::string_view key, Number value) {
    begin(key);
    fmt::format_to(std::back_inserter(out_), "{}", value);
  }
  void milliseconds(std::string_view key, Duration d) {
    begin(key);
    fmt::format_to(std::back_inserter(out_), "{:.3f}", std::chrono::duration<double, std::milli>(d).count());
  }
  void flag(std::string_view key, bool value) {
    begin(key);
    out_ += value ? "true" : "false";
  }

 private:
  void begin(std::string_view key) {
    if (out_.size() > 1) out_.push_back(',');
    out_.append("\"").append(key).append("\":");
  }
  std::string& out_;
};

// RFC 3339 in UTC with milliseconds.
std::string timestamp(WallTime time) {
  const auto ms = std::chrono::floor<std::chrono::milliseconds>(time);
  const auto days = std::chrono::floor<std::chrono::days>(ms);
  const std::chrono::year_month_day date(days);
  const std::chrono::hh_mm_ss clock(ms - days);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                     clock.hours().count(), clock.minutes().count(), clock.seconds().count(),
                     clock.subseconds().count());
}

}  // namespace

std::string access_log_line(const ExchangeRecord& r) {
  std::string out;
  out.reserve(512);
  Line line(out);
  line.text("time", timestamp(r.started_at));
  line.text("id", r.id);
  line.text_if("trace_id", r.trace_id);
  line.text("peer", r.peer);
  line.text("protocol", r.protocol);
  if (!r.path.empty()) {
    line.text("method", name(r.method));
    line.text("path", r.path);
  }
  line.text_if("route", r.route);
  line.text_if("model", r.model);
  line.text_if("cluster", r.cluster);
  line.text_if("endpoint", r.endpoint);
  line.number("status", r.status);
  if (r.error) {
    line.text("error", traits(*r.error).name);
    line.text("fault", name(traits(*r.error).fault));
    line.text_if("detail", r.error_detail);
  }
  line.number("attempts", r.attempts);
  line.flag("stream", r.stream);
  if (r.ended_at) line.milliseconds("duration_ms", *r.ended_at - r.received_at);
  if (r.first_content_at) line.milliseconds("ttft_ms", *r.first_content_at - r.received_at);
  if (r.content_events > 1) line.milliseconds("longest_gap_ms", r.longest_gap);
  line.number("request_bytes", r.request_bytes);
  line.number("response_bytes", r.response_bytes);
  if (r.content_events != 0) line.number("events", r.content_events);
  if (r.usage) {
    line.number("prompt_tokens", r.usage->prompt_tokens);
    line.number("completion_tokens", r.usage->completion_tokens);
  }
  out.push_back('}');
  return out;
}

}  // namespace sluice
