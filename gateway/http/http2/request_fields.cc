#include "gateway/http/http2/request_fields.h"

#include <utility>

#include "gateway/http/hop_by_hop.h"
#include "gateway/http/http1/framing.h"
#include "gateway/http/target.h"

namespace sluice::http2 {
namespace {

// What most clients send.
constexpr std::size_t kExpectedFields = 8;
constexpr std::size_t kExpectedBytes = 256;

RequestFields::Failure malformed(const char* why) {
  return {Error{ErrorKind::kMalformedRequest, why}, true};
}
RequestFields::Failure refused(ErrorKind kind, const char* why) {
  return {Error{kind, why}, false};
}

}  // namespace

void RequestFields::add(std::string_view name, std::string_view value) {
  if (charged_ == 0) head_.headers.reserve(kExpectedFields, kExpectedBytes);
  charged_ += 32 + name.size() + value.size();
  if (charged_ > limits_.max_head_bytes) too_large_ = true;
  if (too_large_) return;
  if (name.starts_with(':')) return add_pseudo(name, value);
  if (head_.headers.size() == limits_.max_headers) {
    too_large_ = true;
  } else if (name == "cookie") {
    // RFC 9113 8.2.3: crumbs are joined before they meet anything that is not HTTP/2.
    if (cookie_) {
      cookie_->append("; ").append(value);
    } else {
      cookie_ = value;
    }
  } else {
    head_.headers.add(name, value);
  }
}

void RequestFields::add_pseudo(std::string_view name, std::string_view value) {
  if (name == ":method") {
    method_ = value;
  } else if (name == ":scheme") {
    scheme_ = value;
  } else if (name == ":path") {
    path_ = head_.headers.append_text(value);
  } else if (name == ":authority") {
    head_.authority_range = head_.headers.append_text(value);
  }
}

std::optional<RequestFields::Failure> RequestFields::take_authority() {
  Headers& headers = head_.headers;
  if (headers.count(HeaderId::kHost) > 1) return malformed("more than one Host");
  if (headers.has(HeaderId::kHost)) {
    const std::string_view host = headers.get(HeaderId::kHost);
    if (head_.authority().empty()) {
      head_.authority_range = headers.range_of(host);
    } else if (!equals_ignoring_case(head_.authority(), host)) {
      return malformed("Host and :authority differ");
    }
    headers.remove(HeaderId::kHost);
  }
  if (!is_valid_authority(head_.authority())) return malformed("an invalid authority");
  return std::nullopt;
}

std::optional<RequestFields::Failure> RequestFields::take_target() {
  const std::string_view path = head_.headers.text(path_);
  if (path.size() > limits_.max_uri_bytes)
    return refused(ErrorKind::kUriTooLong, "the request target is longer than max_uri_bytes");
  if (!equals_ignoring_case(scheme_, "http") && !equals_ignoring_case(scheme_, "https"))
    return refused(ErrorKind::kMalformedRequest, "a scheme that is neither http nor https");
  const bool is_asterisk = path == "*";
  if (!is_asterisk && !path.starts_with('/')) return malformed(":path is not a path");
  std::string rewritten;
  Result<Target> target = parse_target(path, rewritten);
  if (!target) return Failure{std::move(target.error()), false};
  if (is_asterisk && head_.method != Method::kOptions)
    return refused(ErrorKind::kMalformedRequest, "the target \"*\" without OPTIONS");
  head_.query_range = head_.headers.range_of(target->query);
  head_.path_range =
      rewritten.empty() ? head_.headers.range_of(target->path) : head_.headers.append_text(rewritten);
  return std::nullopt;
}

std::expected<RequestFields::Request, RequestFields::Failure> RequestFields::finish() {
  if (too_large_) {
    const bool many = charged_ <= limits_.max_head_bytes;
    return std::unexpected(refused(ErrorKind::kHeadTooLarge, many
                                                                 ? "more headers than max_headers"
                                                                 : "the head is longer than max_head_bytes"));
  }
  Headers& headers = head_.headers;
  const Result<http1::Framing> framing = http1::request_framing(headers, false);
  if (!framing) return std::unexpected(Failure{framing.error(), true});
  if (auto failure = take_authority()) return std::unexpected(std::move(*failure));
  const std::optional<Method> method = parse_method(method_);
  if (!method) {
    return std::unexpected(method_ == "TRACE"
                               ? refused(ErrorKind::kMethodNotAllowed, "TRACE is not served")
                               : refused(ErrorKind::kNotImplemented, "this method is not served"));
  }
  head_.method = *method;
  if (auto failure = take_target()) return std::unexpected(std::move(*failure));

  Request out;
  if (headers.has(HeaderId::kExpect)) {
    if (!equals_ignoring_case(headers.get(HeaderId::kExpect), "100-continue"))
      return std::unexpected(
          refused(ErrorKind::kExpectationFailed, "only Expect: 100-continue is known here"));
    out.expects_continue = true;
  }
  if (framing->kind == http1::Framing::Kind::kLength) out.length = framing->length;
  if (cookie_) headers.add(HeaderId::kCookie, *cookie_);
  headers.remove(HeaderId::kContentLength);
  headers.remove(HeaderId::kExpect);
  remove_hop_by_hop(headers);
  out.head = std::move(head_);
  return out;
}

}  // namespace sluice::http2
