#include "perf/load/message_reader.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <utility>

namespace sluice::load {
namespace {

constexpr std::size_t kLongestHead = 128 * 1024;
constexpr std::uint64_t kLargestChunk = std::uint64_t{1} << 40;

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
}

// `name` in small letters.
bool is_named(std::string_view text, std::string_view name) {
  return std::ranges::equal(text, name, {}, lower);
}

// The value of a header field, without the spaces around it.
std::optional<std::string_view> field(std::string_view head, std::string_view name) {
  for (std::size_t line = head.find("\r\n"); line != std::string_view::npos; line = head.find("\r\n", line)) {
    line += 2;
    const std::string_view text = head.substr(line, head.find("\r\n", line) - line);
    const std::size_t colon = text.find(':');
    if (colon == std::string_view::npos || !is_named(text.substr(0, colon), name)) continue;
    std::string_view value = text.substr(colon + 1);
    while (value.starts_with(' '))
      value.remove_prefix(1);
    while (value.ends_with(' '))
      value.remove_suffix(1);
    return value;
  }
  return std::nullopt;
}

int digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  return lower(c) >= 'a' && lower(c) <= 'f' ? lower(c) - 'a' + 10 : -1;
}

}  // namespace

bool MessageReader::take(std::string_view bytes, Sink& sink) {
  while (!bytes.empty()) {
    bool good = true;
    switch (state_) {
      case State::kHead:
        good = take_head(bytes, sink);
        break;
      case State::kLength:
      case State::kChunk:
        take_content(bytes, sink);
        break;
      case State::kChunkSize:
        good = take_chunk_size(bytes);
        break;
      case State::kChunkEnd:  // CR, LF
        if (bytes.front() == '\n') state_ = State::kChunkSize;
        bytes.remove_prefix(1);
        break;
      case State::kTrailers:
        take_trailers(bytes, sink);
        break;
      case State::kBroken:
        good = false;
        break;
    }
    if (!good) {
      state_ = State::kBroken;
      return false;
    }
  }
  return true;
}

bool MessageReader::take_head(std::string_view& bytes, Sink& sink) {
  if (head_.empty()) {  // most come in one piece
    const std::size_t end = bytes.find("\r\n\r\n");
    if (end != std::string_view::npos) {
      const std::string_view head = bytes.substr(0, end + 2);
      bytes.remove_prefix(end + 4);
      return begin(head, sink);
    }
  }
  const std::size_t known = head_.size();
  head_ += bytes;
  const std::size_t end = head_.find("\r\n\r\n", known < 3 ? 0 : known - 3);
  if (end == std::string::npos) {
    bytes = {};
    return head_.size() <= kLongestHead;
  }
  bytes.remove_prefix(end + 4 - known);
  std::string head = std::move(head_);
  head_.clear();
  head.resize(end + 2);
  return begin(head, sink);
}

bool MessageReader::begin(std::string_view head, Sink& sink) {
  const std::string_view line = head.substr(0, head.find("\r\n"));
  interim_ = false;
  bool empty = false;
  if (kind_ == Kind::kAnswers) {
    if (!line.starts_with("HTTP/1.") || line.size() < 12) return false;
    const std::string_view status = line.substr(9, 3);
    interim_ = status.starts_with('1');
    empty = interim_ || status == "204" || status == "304";
  }
  if (!interim_) sink.head(line);
  const auto coding = field(head, "transfer-encoding");
  const auto length = field(head, "content-length");
  // Without either a request has no content (RFC 9112, 6.3), and an answer would end with its connection.
  empty = empty || (kind_ == Kind::kRequests && !coding && !length);
  if (empty) {
    finish(sink);
  } else if (coding && coding->ends_with("chunked")) {
    state_ = State::kChunkSize;
  } else if (length) {
    const auto parsed = std::from_chars(length->data(), length->data() + length->size(), left_);
    if (parsed.ec != std::errc{} || parsed.ptr != length->data() + length->size()) return false;
    state_ = State::kLength;
    if (left_ == 0) finish(sink);
  } else {
    return false;
  }
  return true;
}

void MessageReader::take_content(std::string_view& bytes, Sink& sink) {
  const std::string_view piece = bytes.substr(0, std::min<std::uint64_t>(left_, bytes.size()));
  bytes.remove_prefix(piece.size());
  left_ -= piece.size();
  const bool last = left_ == 0;
  sink.content(piece);
  if (!last) return;
  if (state_ == State::kLength)
    finish(sink);
  else
    state_ = State::kChunkEnd;
}

bool MessageReader::take_chunk_size(std::string_view& bytes) {
  const char c = bytes.front();
  bytes.remove_prefix(1);
  if (c == '\n') {
    state_ = left_ > 0 ? State::kChunk : State::kTrailers;
    size_ended_ = false;
    return true;
  }
  if (size_ended_) return true;  // an extension
  const int value = digit(c);
  if (value < 0) {
    size_ended_ = true;
    return c == '\r' || c == ';' || c == ' ';
  }
  left_ = left_ * 16 + static_cast<unsigned>(value);
  return left_ <= kLargestChunk;
}

void MessageReader::take_trailers(std::string_view& bytes, Sink& sink) {
  const char c = bytes.front();
  bytes.remove_prefix(1);
  if (c == '\n') {
    const bool last = line_length_ == 0;
    line_length_ = 0;
    if (last) finish(sink);
  } else if (c != '\r') {
    ++line_length_;
  }
}

void MessageReader::finish(Sink& sink) {
  state_ = State::kHead;
  if (!interim_) sink.end();
}

}  // namespace sluice::load
