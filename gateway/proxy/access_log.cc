#include "gateway/proxy/access_log.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cstring>

#include "gateway/base/json_escape.h"

namespace sluice {
namespace {

// The two digits of each number below 100.
constexpr std::array<std::array<char, 2>, 100> kDigitPairs = [] {
  std::array<std::array<char, 2>, 100> pairs{};
  for (std::size_t i = 0; i < pairs.size(); ++i)
    pairs[i] = {static_cast<char>('0' + i / 10), static_cast<char>('0' + i % 10)};
  return pairs;
}();

// Writes into the room behind a string, which is made once: the request path has a line for each exchange.
class Line {
 public:
  // `room`: at most so many bytes are put into it, but for text that has to be escaped.
  Line(std::string& out, std::size_t room) : out_(out), begin_(out.size()) {
    out_.resize_and_overwrite(begin_ + room, [](char*, std::size_t size) { return size; });
    at_ = out_.data() + begin_;
  }
  void end() {
    out_[begin_] = '{';  // instead of the first comma
    *at_++ = '}';
    out_.resize(static_cast<std::size_t>(at_ - out_.data()));
  }

  // Names are literals, so that writing one is a few stores of known size.
  template <std::size_t N>
  void text(const char (&name)[N], std::string_view value) {
    begin_member(name);
    *at_++ = '"';
    if (json_plain_size(value) == value.size()) {
      put(value);
    } else {
      put_escaped(value);
    }
    *at_++ = '"';
  }
  // Of ours: nothing in it needs an escape.
  template <std::size_t N>
  void word(const char (&name)[N], std::string_view value) {
    begin_member(name);
    *at_++ = '"';
    put(value);
    *at_++ = '"';
  }
  template <std::size_t N>
  void text_if(const char (&name)[N], std::string_view value) {
    if (!value.empty()) text(name, value);
  }
  template <std::size_t N>
  void time(const char (&name)[N], WallTime time) {
    begin_member(name);
    put(time);
  }
  template <std::size_t N>
  void number(const char (&name)[N], std::int64_t value) {
    begin_member(name);
    at_ = std::to_chars(at_, at_ + kMaxDigits, value).ptr;
  }
  template <std::size_t N>
  void number(const char (&name)[N], std::uint64_t value) {
    number(name, static_cast<std::int64_t>(value));
  }
  // With three decimals: microseconds are what the clock resolves and a reader compares.
  template <std::size_t N>
  void milliseconds(const char (&name)[N], Duration d) {
    const std::int64_t us = std::chrono::duration_cast<std::chrono::microseconds>(d).count();
    number(name, us / 1000);
    *at_++ = '.';
    digits<3>(us % 1000);
  }
  template <std::size_t N>
  void flag(const char (&name)[N], bool value) {
    begin_member(name);
    put(value ? "true" : "false");
  }

  // Of a member but for its text: its key, quotes and digits.
  static constexpr std::size_t kMaxMember = 48;

 private:
  static constexpr std::size_t kMaxDigits = 20;

  template <std::size_t N>
  void begin_member(const char (&name)[N]) {
    static_assert(N + 3 + kMaxDigits + 4 <= kMaxMember);
    *at_++ = ',';
    *at_++ = '"';
    std::memcpy(at_, name, N - 1);
    at_ += N - 1;
    *at_++ = '"';
    *at_++ = ':';
  }
  void put(std::string_view text) { at_ = std::copy_n(text.data(), text.size(), at_); }
  // The lowest `Width` decimal digits of a number that is not negative.
  template <int Width>
  void digits(std::int64_t value) {
    auto rest = static_cast<std::uint32_t>(value);
    int width = Width;
    for (; width >= 2; width -= 2, rest /= 100)
      std::memcpy(at_ + width - 2, kDigitPairs[rest % 100].data(), 2);
    if (width == 1) *at_ = static_cast<char>('0' + rest % 10);
    at_ += Width;
  }
  void put(WallTime time);
  void put_escaped(std::string_view value);

  std::string& out_;
  std::size_t begin_;
  char* at_ = nullptr;
};

// Seldom: what clients choose is nearly always plain. Room is made for what the escapes add.
void Line::put_escaped(std::string_view value) {
  std::string escaped;
  json_escape(value, escaped);
  const auto used = static_cast<std::size_t>(at_ - out_.data());
  out_.resize(out_.size() + escaped.size());
  at_ = out_.data() + used;
  put(escaped);
}

// RFC 3339 in UTC with milliseconds.
void Line::put(WallTime time) {
  const auto ms = std::chrono::floor<std::chrono::milliseconds>(time);
  const auto days = std::chrono::floor<std::chrono::days>(ms);
  const std::chrono::year_month_day date(days);
  const std::chrono::hh_mm_ss clock(ms - days);
  *at_++ = '"';
  digits<4>(static_cast<int>(date.year()));
  *at_++ = '-';
  digits<2>(static_cast<unsigned>(date.month()));
  *at_++ = '-';
  digits<2>(static_cast<unsigned>(date.day()));
  *at_++ = 'T';
  digits<2>(clock.hours().count());
  *at_++ = ':';
  digits<2>(clock.minutes().count());
  *at_++ = ':';
  digits<2>(clock.seconds().count());
  *at_++ = '.';
  digits<3>(clock.subseconds().count());
  put("Z\"");
}

// More than a line can have.
constexpr std::size_t kMaxMembers = 32;

// An upper bound of a line's length, if nothing is escaped.
std::size_t room_for(const ExchangeRecord& r) noexcept {
  return kMaxMembers * Line::kMaxMember + r.id.size() + r.trace_id.size() + r.peer.size() + r.client.size() +
         r.client_certificate.size() + r.path.size() + r.route.size() + r.model.size() + r.cluster.size() +
         r.endpoint.size() + r.error_detail.size();
}

}  // namespace

void append_access_log_line(const ExchangeRecord& r, std::string& out) {
  Line line(out, room_for(r));
  line.time("time", r.started_at);
  line.text("id", r.id);
  line.text_if("trace_id", r.trace_id);
  line.text("peer", r.peer);
  line.text_if("client", r.client);
  line.word("protocol", r.protocol);
  line.text_if("tls", r.tls);
  line.text_if("client_certificate", r.client_certificate);
  if (!r.path.empty()) {
    line.word("method", name(r.method));
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
  line.end();
}

}  // namespace sluice
