#include "gateway/proxy/access_log.h"

#include <charconv>
#include <chrono>

#include "gateway/base/json_escape.h"

namespace sluice {
namespace {

// The lowest `width` decimal digits of a number that is not negative.
void append_digits(std::string& out, std::int64_t value, int width) {
  char digits[20];
  for (int i = width - 1; i >= 0; --i, value /= 10)
    digits[i] = static_cast<char>('0' + value % 10);
  out.append(digits, static_cast<std::size_t>(width));
}

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
  void number(std::string_view key, std::int64_t value) {
    begin(key);
    char digits[20];
    out_.append(digits, std::to_chars(digits, digits + sizeof digits, value).ptr);
  }
  void number(std::string_view key, std::uint64_t value) { number(key, static_cast<std::int64_t>(value)); }
  // With three decimals: microseconds are what the clock resolves and a reader compares.
  void milliseconds(std::string_view key, Duration d) {
    const std::int64_t us = std::chrono::duration_cast<std::chrono::microseconds>(d).count();
    number(key, us / 1000);
    out_.push_back('.');
    append_digits(out_, us % 1000, 3);
  }
  void flag(std::string_view key, bool value) {
    begin(key);
    out_ += value ? "true" : "false";
  }

 private:
  void begin(std::string_view key) {
    if (out_.size() > 1) out_.push_back(',');
    out_.push_back('"');
    out_.append(key);
    out_.append("\":");
  }
  std::string& out_;
};

// RFC 3339 in UTC with milliseconds.
std::string timestamp(WallTime time) {
  const auto ms = std::chrono::floor<std::chrono::milliseconds>(time);
  const auto days = std::chrono::floor<std::chrono::days>(ms);
  const std::chrono::year_month_day date(days);
  const std::chrono::hh_mm_ss clock(ms - days);
  std::string out;
  out.reserve(24);
  append_digits(out, static_cast<int>(date.year()), 4);
  out.push_back('-');
  append_digits(out, static_cast<unsigned>(date.month()), 2);
  out.push_back('-');
  append_digits(out, static_cast<unsigned>(date.day()), 2);
  out.push_back('T');
  append_digits(out, clock.hours().count(), 2);
  out.push_back(':');
  append_digits(out, clock.minutes().count(), 2);
  out.push_back(':');
  append_digits(out, clock.seconds().count(), 2);
  out.push_back('.');
  append_digits(out, clock.subseconds().count(), 3);
  out.push_back('Z');
  return out;
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
  line.text_if("client", r.client);
  line.text("protocol", r.protocol);
  line.text_if("tls", r.tls);
  line.text_if("client_certificate", r.client_certificate);
  if (!r.path.empty()) {
    line.text("method", name(r.method));
    line.text("path", r.path);
  }
  line.text_if("route", r.route);
  line.text_if("model", r.model);
  line.text_if("cluster", r.cluster);
  line.text_if("endpoint", r.endpoint);
  line.number("status", std::int64_t{r.status});
  if (r.error) {
    line.text("error", traits(*r.error).name);
    line.text("fault", name(traits(*r.error).fault));
    line.text_if("detail", r.error_detail);
  }
  line.number("attempts", std::int64_t{r.attempts});
  line.flag("stream", r.stream);
  if (r.ended_at) line.milliseconds("duration_ms", *r.ended_at - r.received_at);
  if (r.first_content_at) line.milliseconds("ttft_ms", *r.first_content_at - r.received_at);
  if (r.content_events > 1) line.milliseconds("longest_gap_ms", r.longest_gap);
  if (r.client_stalled > Duration::zero()) line.milliseconds("client_stalled_ms", r.client_stalled);
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
