#include "gateway/llm/sse.h"

#include <algorithm>
#include <cstring>

#include "gateway/base/byte_scan.h"

namespace sluice::llm {
namespace {

constexpr std::string_view kBom = "\xef\xbb\xbf";
constexpr std::string_view kData = "data:";
// Enough of an oversize line to tell its field.
constexpr std::size_t kFieldPrefix = 8;
// A stream whose events keep being cut by the transport reuses this much; an idle stream holds no more.
constexpr std::size_t kKeptCapacity = 1024;

void clear_and_shrink(std::string& text) {
  if (text.capacity() > kKeptCapacity) {
    std::string().swap(text);
  } else {
    text.clear();
  }
}

std::size_t heap_bytes(const std::string& text) {
  return text.capacity() > std::string().capacity() ? text.capacity() + 1 : 0;
}

// The value if `line` is a line of the field `name`: behind the colon and one space, empty without a colon.
bool is_field(std::string_view line, std::string_view name, std::string_view& value) {
  if (!line.starts_with(name)) return false;
  value = line.substr(name.size());
  if (value.empty()) return true;
  if (value[0] != ':') return false;
  value.remove_prefix(value.starts_with(": ") ? 2 : 1);
  return true;
}

}  // namespace

void SseScanner::Value::set(std::string_view value, bool in_chunk) {
  held_ = !in_chunk;
  if (in_chunk) {
    view_ = value;
  } else {
    copy_ = value;
  }
}

void SseScanner::Value::append_line(std::string_view value) {
  hold();
  copy_ += '\n';
  copy_ += value;
}

void SseScanner::Value::hold() {
  if (held_) return;
  copy_ = view_;
  held_ = true;
}

void SseScanner::Value::clear() {
  view_ = {};
  held_ = false;
  clear_and_shrink(copy_);
}

std::size_t SseScanner::Value::memory() const noexcept {
  return heap_bytes(copy_);
}

std::size_t SseScanner::memory() const noexcept {
  return heap_bytes(line_) + event_.memory() + data_.memory() + id_.memory();
}

void SseScanner::scan(std::string_view chunk, Sink sink) {
  const char* const begin = chunk.data();
  const char* const end = begin + chunk.size();
  const auto offset_of = [&](const char* p) { return offset_ + static_cast<std::uint64_t>(p - begin); };
  const char* at = skip_start(begin, end);
  while (at != end) {
    if (block_bytes_ == 0 && line_.empty()) {
      at = scan_single(at, end, offset_of(at), sink);
      if (at == end) break;
    }
    const char* const stop = find_either(at, end, '\n', '\r');
    if (stop == end) {
      carry_line({at, end}, offset_of(at));
      break;
    }
    if (line_.empty()) {
      line({at, stop}, true, offset_of(at), offset_of(stop + 1), sink);
    } else {
      carry_line({at, stop}, line_begin_);
      line(line_, false, line_begin_, offset_of(stop + 1), sink);
      clear_and_shrink(line_);
      line_bytes_ = 0;
    }
    at = stop + 1;
    if (*stop == '\r') {
      skip_lf_ = at == end;
      if (at != end && *at == '\n') ++at;
    }
  }
  offset_ += chunk.size();
  if (block_bytes_ != 0 && !oversize_) {
    event_.hold();
    data_.hold();
    id_.hold();
  }
}

// What the end of the last chunk left open: a BOM at the very start, the LF of a CRLF.
const char* SseScanner::skip_start(const char* at, const char* end) {
  if (skip_lf_ && at != end) {
    skip_lf_ = false;
    if (*at == '\n') return at + 1;
  }
  while (!started_ && at != end) {
    if (*at != kBom[bom_bytes_]) {
      started_ = true;
      if (bom_bytes_ > 0) carry_line(kBom.substr(0, bom_bytes_), 0);
      break;
    }
    ++at;
    started_ = ++bom_bytes_ == kBom.size();
  }
  return at;
}

// The usual case, runs of "data: …" LF LF inside the chunk: one search and a few comparisons per event.
// Returns where something else begins.
const char* SseScanner::scan_single(const char* at, const char* end, std::uint64_t offset, Sink sink) {
  while (end - at > static_cast<std::ptrdiff_t>(kData.size()) &&
         std::memcmp(at, kData.data(), kData.size()) == 0) {
    const char* const value = at + kData.size();
    const char* const stop = find_either(value, end, '\n', '\r');
    if (end - stop < 2 || stop[0] != '\n' || stop[1] != '\n') return at;
    if (static_cast<std::size_t>(stop - at) > limit_) return at;
    SseEvent event;
    event.data = {*value == ' ' ? value + 1 : value, stop};
    event.begin = offset;
    offset += static_cast<std::uint64_t>(stop + 2 - at);
    event.end = offset;
    event.has_data = event.has_field = true;
    sink.call(sink.target, event);
    at = stop + 2;
  }
  return at;
}

void SseScanner::carry_line(std::string_view bytes, std::uint64_t begin) {
  if (line_.empty()) line_begin_ = begin;
  line_bytes_ += bytes.size();
  if (block_bytes_ + line_bytes_ > limit_ && !oversize_) {
    oversize_ = true;
    drop_values();
  }
  if (oversize_) {
    line_.resize(std::min(line_.size(), kFieldPrefix));
    line_.shrink_to_fit();
    bytes = bytes.substr(0, kFieldPrefix - line_.size());
  }
  line_ += bytes;
}

void SseScanner::line(std::string_view text, bool in_chunk, std::uint64_t begin, std::uint64_t end,
                      Sink sink) {
  if (text.empty()) {
    if (block_bytes_ != 0) dispatch(end, sink);
    return;
  }
  if (block_bytes_ == 0) begin_ = begin;
  block_bytes_ += in_chunk ? text.size() : line_bytes_;
  if (block_bytes_ > limit_ && !oversize_) {
    oversize_ = true;
    drop_values();
  }
  field(text, in_chunk);
}

void SseScanner::field(std::string_view text, bool in_chunk) {
  std::string_view value;
  if (is_field(text, "data", value)) {
    if (!oversize_) {
      if (has_data_) {
        data_.append_line(value);
      } else {
        data_.set(value, in_chunk);
      }
    }
    has_data_ = has_field_ = true;
  } else if (is_field(text, "event", value)) {
    if (!oversize_) event_.set(value, in_chunk);
    has_field_ = true;
  } else if (is_field(text, "id", value)) {
    // "If the field value does not contain U+0000 NULL": else the line is ignored.
    if (!oversize_ && value.find('\0') == std::string_view::npos) id_.set(value, in_chunk);
    has_field_ = true;
  } else if (is_field(text, "retry", value)) {
    has_field_ = true;
  }
}

void SseScanner::dispatch(std::uint64_t end, Sink sink) {
  SseEvent event;
  if (!oversize_) {
    event.event = event_.view();
    event.data = data_.view();
    event.id = id_.view();
  }
  event.begin = begin_;
  event.end = end;
  event.has_data = has_data_;
  event.has_field = has_field_;
  event.oversize = oversize_;
  sink.call(sink.target, event);
  drop_values();
  block_bytes_ = 0;
  has_data_ = has_field_ = oversize_ = false;
}

void SseScanner::drop_values() {
  event_.clear();
  data_.clear();
  id_.clear();
}

void append_sse_event(std::string_view data, std::string& out) {
  for (;;) {
    const std::size_t stop = data.find_first_of("\r\n");
    out += "data: ";
    out += data.substr(0, stop);
    out += '\n';
    if (stop == std::string_view::npos) break;
    data.remove_prefix(stop + (data.substr(stop, 2) == "\r\n" ? 2 : 1));
  }
  out += '\n';
}

}  // namespace sluice::llm
