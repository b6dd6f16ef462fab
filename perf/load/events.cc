#include "perf/load/events.h"

#include <fmt/format.h>

#include <charconv>

namespace sluice::load {
namespace {

constexpr std::string_view kBefore =
    R"(data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1750000000,"model":"tiny","choices":[{"index":0,"delta":{"content":")";
constexpr std::string_view kAfter = "\"},\"finish_reason\":null}]}\n\n";
constexpr std::string_view kContent = R"("content":")";
constexpr std::string_view kDone = "data: [DONE]";
constexpr std::size_t kTimeDigits = 19;
constexpr std::size_t kNumberDigits = 8;
constexpr std::size_t kEventBytes = kBefore.size() + kTimeDigits + 1 + kNumberDigits + kAfter.size();

// Zeros in front, `digits` in all.
void append_number(std::string& out, std::uint64_t value, std::size_t digits) {
  out.append(digits, '0');
  for (char* at = out.data() + out.size(); value > 0; value /= 10)
    *--at = static_cast<char>('0' + value % 10);
}

bool read_number(std::string_view text, std::uint64_t& value) {
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  return parsed.ec == std::errc{} && parsed.ptr == text.data() + text.size();
}

}  // namespace

std::size_t event_bytes() {
  return kEventBytes;
}

void append_event(std::string& out, Nanos sent, std::uint32_t number) {
  static const std::string size = fmt::format("{:x}\r\n", kEventBytes);
  out += size;
  out += kBefore;
  append_number(out, static_cast<std::uint64_t>(sent), kTimeDigits);
  out += ' ';
  append_number(out, number % 100'000'000, kNumberDigits);
  out += kAfter;
  out += "\r\n";
}

void append_end(std::string& out) {
  out += "e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n";
}

void EventReader::take(std::string_view content, Sink& sink) {
  while (!content.empty()) {
    const std::size_t end = content.find('\n');
    if (end == std::string_view::npos) {
      line_ += content;
      return;
    }
    if (line_.empty()) {
      take_line(content.substr(0, end), sink);
    } else {
      line_ += content.substr(0, end);
      take_line(line_, sink);
      line_.clear();
    }
    content.remove_prefix(end + 1);
  }
}

void EventReader::take_line(std::string_view line, Sink& sink) {
  if (line.empty()) return;
  if (line == kDone) {
    done_ = true;
    return;
  }
  // The usual place first.
  std::size_t at = kBefore.size();
  if (!line.starts_with(kBefore)) {
    at = line.find(kContent);
    if (at == std::string_view::npos) return;  // a comment, or a chunk without text
    at += kContent.size();
  }
  const std::string_view text = line.substr(at);
  std::uint64_t sent = 0;
  std::uint64_t number = 0;
  if (text.size() < kTimeDigits + 1 + kNumberDigits || !read_number(text.substr(0, kTimeDigits), sent) ||
      !read_number(text.substr(kTimeDigits + 1, kNumberDigits), number)) {
    ++out_of_order_;
    return;
  }
  if (number != next_ % 100'000'000) ++out_of_order_;
  ++next_;
  sink.event(static_cast<Nanos>(sent));
}

}  // namespace sluice::load
