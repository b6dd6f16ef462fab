#include "gateway/http/http1/head_parser.h"

#include "gateway/http/http1/syntax.h"
#include "gateway/http/target.h"

namespace sluice::http1 {
namespace {

// Empty lines that some clients send after a POST body; more is not a client of ours.
constexpr std::size_t kMaxLeadingBytes = 8;
// What a request line has beside its target.
constexpr std::size_t kRequestLineRoom = 32;
// Room that spares the usual head an allocation: fields that it has or gets, and what is appended to its
// block.
constexpr std::size_t kExpectedFields = 16;
constexpr std::size_t kAnswerRoom = 192;

ByteRange range(std::size_t begin, std::size_t end) noexcept {
  return {static_cast<std::uint32_t>(begin), static_cast<std::uint32_t>(end - begin)};
}

struct Version {
  bool known = false;  // has the form HTTP/d.d
  int major = 0;
  int minor = 0;
};

Version parse_version(std::string_view text) noexcept {
  const auto digit = [](char c) { return c >= '0' && c <= '9'; };
  if (text.size() != 8 || !text.starts_with("HTTP/") || !digit(text[5]) || text[6] != '.' ||
      !digit(text[7])) {
    return {};
  }
  return {true, text[5] - '0', text[7] - '0'};
}

}  // namespace

std::unexpected<Error> HeadParser::malformed(const char* why) const {
  return fail(kind_ == Kind::kRequest ? ErrorKind::kMalformedRequest : ErrorKind::kUpstreamMalformed, why);
}

bool HeadParser::in_first_line() const noexcept {
  return !has_start_line_ && kind_ == Kind::kRequest;
}

bool HeadParser::is_too_long(std::size_t size) const noexcept {
  return size > limits_.max_head_bytes ||
         (in_first_line() && size > limits_.max_uri_bytes + kRequestLineRoom);
}

std::unexpected<Error> HeadParser::too_long(std::size_t size) const {
  if (in_first_line() && size > limits_.max_uri_bytes + kRequestLineRoom)
    return fail(ErrorKind::kUriTooLong, "the request target is longer than max_uri_bytes");
  if (kind_ == Kind::kResponse) return malformed("the head is longer than max_head_bytes");
  return fail(ErrorKind::kHeadTooLarge, "the head is longer than max_head_bytes");
}

// Nearly every line ends at its first control character.
HeadParser::LineEnd HeadParser::find_line_end(std::string_view received) const noexcept {
  const char* const begin = received.data();
  const char* const end = begin + received.size();
  const char* at = begin + scanned_;
  if (scanned_ == line_start_) {
    at = find_control(at, end);
    if (end - at >= 2 && at[0] == '\r' && at[1] == '\n')
      return {static_cast<std::size_t>(at + 1 - begin), true};
  }
  return {received.find('\n', static_cast<std::size_t>(at - begin)), false};
}

Result<std::optional<std::size_t>> HeadParser::feed(std::string_view received) {
  if (scanned_ == received.size()) return std::optional<std::size_t>();
  while (!complete_) {
    const LineEnd found = find_line_end(received);
    const std::size_t end = found.at;
    if (end == std::string_view::npos) {
      scanned_ = received.size();
      if (is_too_long(scanned_ - head_start_)) return too_long(scanned_ - head_start_);
      return std::optional<std::size_t>();
    }
    if (is_too_long(end + 1 - head_start_)) return too_long(end + 1 - head_start_);
    if (end == line_start_ || received[end - 1] != '\r') return malformed("a line ends without CR");
    const std::size_t begin = line_start_;
    scanned_ = line_start_ = end + 1;
    if (has_start_line_ && begin != end - 1) {
      if (auto ok = take_field(received, begin, end - 1, found.plain); !ok)
        return fail(std::move(ok.error()));
    } else {
      if (auto ok = take_line(received, begin, end - 1); !ok) return fail(std::move(ok.error()));
    }
  }
  return std::optional<std::size_t>(line_start_);
}

// The start line, or the empty line in front of it or at the head's end.
Result<void> HeadParser::take_line(std::string_view received, std::size_t begin, std::size_t end) {
  if (has_start_line_) {
    complete_ = true;
    return {};
  }
  if (begin == end && kind_ == Kind::kRequest) {
    head_start_ = line_start_;
    if (head_start_ > kMaxLeadingBytes) return malformed("empty lines instead of a request");
    return {};
  }
  has_start_line_ = true;
  headers_.reserve(kExpectedFields);
  const std::string_view line = received.substr(begin, end - begin);
  return kind_ == Kind::kRequest ? take_request_line(line, begin) : take_status_line(line);
}

// `plain`: the line is known to have no control character.
Result<void> HeadParser::take_field(std::string_view received, std::size_t begin, std::size_t end,
                                    bool plain) {
  const std::string_view line = received.substr(begin, end - begin);
  if (line.front() == ' ' || line.front() == '\t') return malformed("a folded header line");
  const char* const line_end = line.data() + line.size();
  std::size_t colon = static_cast<std::size_t>(find_either(line.data(), line_end, ':', ':') - line.data());
  std::size_t name_size = colon;
  HeaderId id = header_id(line.substr(0, colon));
  if (id == HeaderId::kOther || colon == line.size()) {
    // Not a name that is known to be a token.
    const bool has_colon = colon != line.size();
    colon = name_size = token_size(line);
    // RFC 9112 5.1: in a request a space before the colon is refused, in a response it is removed.
    if (kind_ == Kind::kResponse) colon += blank_size(line.substr(colon));
    if (name_size == 0 || colon == line.size() || line[colon] != ':')
      return malformed(has_colon ? "an invalid header name" : "a header line without a colon");
    if (name_size != colon) id = header_id(line.substr(0, name_size));
  }
  const std::string_view value = trim(line.substr(colon + 1));
  if (!plain && !is_field_value(value)) return malformed("a control character in a header value");
  if (headers_.size() == limits_.max_headers) {
    if (kind_ == Kind::kResponse) return malformed("more headers than max_headers");
    return fail(ErrorKind::kHeadTooLarge, "more headers than max_headers");
  }
  const auto value_begin = static_cast<std::size_t>(value.data() - received.data());
  headers_.add_range(range(begin, begin + name_size), range(value_begin, value_begin + value.size()), id);
  return {};
}

// `room_for_more`: what will be appended to the block.
Headers HeadParser::take_headers(std::string_view received, std::size_t room_for_more) {
  headers_.assign_block(received.substr(0, line_start_), room_for_more);
  return std::move(headers_);
}

Result<void> HeadParser::take_request_line(std::string_view line, std::size_t begin) {
  const std::size_t method_end = line.find(' ');
  const std::size_t target_end = line.rfind(' ');
  if (method_end == std::string_view::npos || target_end == method_end)
    return malformed("an incomplete request line");
  const std::string_view method = line.substr(0, method_end);
  if (!is_token(method)) return malformed("an invalid method");
  const Version version = parse_version(line.substr(target_end + 1));
  if (!version.known) return malformed("an invalid HTTP version");
  if (version.major != 1)
    return fail(ErrorKind::kUnsupportedVersion, "only HTTP/1.0 and HTTP/1.1 are spoken here");
  if (target_end - method_end - 1 > limits_.max_uri_bytes) {
    return fail(ErrorKind::kUriTooLong, "the request target is longer than max_uri_bytes");
  }
  const auto known = parse_method(method);
  if (!known) {
    if (method == "TRACE") return fail(ErrorKind::kMethodNotAllowed, "TRACE is not served");
    return fail(ErrorKind::kNotImplemented, "this method is not served");
  }
  method_ = *known;
  target_ = range(begin + method_end + 1, begin + target_end);
  is_http10_ = version.minor == 0;
  return {};
}

Result<HeadParser::Request> HeadParser::request(std::string_view received) {
  Request out;
  out.is_http10 = is_http10_;
  out.head.method = method_;
  std::string rewritten;
  Result<Target> target = parse_target(received.substr(target_.offset, target_.size), rewritten);
  if (!target) return fail(std::move(target.error()));
  // RFC 9112 3.2.4: the asterisk-form is for OPTIONS alone.
  if (target->path == "*" && method_ != Method::kOptions)
    return malformed("the target \"*\" without OPTIONS");

  Headers& headers = out.head.headers;
  headers = take_headers(received, rewritten.size());
  const std::size_t hosts = headers.count(HeaderId::kHost);
  // RFC 9112 3.2: a server MUST answer 400 to no, several or invalid Host fields.
  if (hosts > 1) return malformed("more than one Host");
  if (hosts == 0 && !out.is_http10) return malformed("no Host");
  const std::string_view host = headers.get(HeaderId::kHost);
  if (hosts == 1 && !is_valid_authority(host)) return malformed("an invalid Host");
  // The block is a copy of what was received: nearly always they lie in it already.
  const auto place = [&](std::string_view text) {
    const auto begin = static_cast<std::size_t>(text.data() - received.data());
    return range(begin, begin + text.size());
  };
  out.head.authority_range = target->authority.empty() ? headers.range_of(host) : place(target->authority);
  out.head.path_range = rewritten.empty() ? place(target->path) : headers.append_text(rewritten);
  out.head.query_range = target->query.empty() ? ByteRange() : place(target->query);
  headers.remove(HeaderId::kHost);
  return out;
}

Result<void> HeadParser::take_status_line(std::string_view line) {
  // status-line = HTTP-version SP status-code SP [ reason-phrase ]; the last SP is often left out.
  const Version version = parse_version(line.substr(0, 8));
  if (!version.known || version.major != 1) return malformed("an answer that is not HTTP/1");
  if (line.size() < 12 || line[8] != ' ' || (line.size() > 12 && line[12] != ' '))
    return malformed("a bad status line");
  int status = 0;
  for (const char c : line.substr(9, 3)) {
    if (c < '0' || c > '9') return malformed("a status that is not a number");
    status = status * 10 + (c - '0');
  }
  if (status < 100 || status > 599) return malformed("a status outside 100..599");
  if (!is_field_value(line.substr(12))) return malformed("a control character in the reason phrase");
  status_ = status;
  is_http10_ = version.minor == 0;
  return {};
}

Result<HeadParser::Response> HeadParser::response(std::string_view received) {
  Response out;
  out.is_http10 = is_http10_;
  out.head.status = status_;
  out.head.headers = take_headers(received, kAnswerRoom);
  return out;
}

}  // namespace sluice::http1
