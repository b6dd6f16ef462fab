#include "gateway/http/http1/framing.h"

#include <limits>
#include <optional>

#include "gateway/http/head.h"

namespace sluice::http1 {
namespace {

std::optional<std::uint64_t> parse_length(std::string_view text) noexcept {
  // 19 digits fit in 64 bits; a longer number is no length of anything.
  if (text.empty() || text.size() > 19) return std::nullopt;
  std::uint64_t value = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + static_cast<std::uint64_t>(c - '0');
  }
  return value;
}

Result<Framing> explicit_framing(const Headers& headers, bool is_http10, ErrorKind malformed) {
  const std::size_t codings = headers.count(HeaderId::kTransferEncoding);
  const std::size_t lengths = headers.count(HeaderId::kContentLength);
  if (codings != 0) {
    if (is_http10) return fail(malformed, "Transfer-Encoding in HTTP/1.0");
    if (lengths != 0) return fail(malformed, "both Transfer-Encoding and Content-Length");
    if (codings > 1) return fail(malformed, "more than one Transfer-Encoding");
    if (!equals_ignoring_case(headers.get(HeaderId::kTransferEncoding), "chunked")) {
      return fail(malformed == ErrorKind::kMalformedRequest ? ErrorKind::kNotImplemented : malformed,
                  "a transfer coding other than chunked");
    }
    return Framing{Framing::Kind::kChunked};
  }
  if (lengths == 0) return Framing{Framing::Kind::kNone};
  if (lengths > 1) return fail(malformed, "more than one Content-Length");
  const auto length = parse_length(headers.get(HeaderId::kContentLength));
  if (!length) return fail(malformed, "Content-Length is not a decimal number");
  return Framing{Framing::Kind::kLength, *length};
}

}  // namespace

Result<Framing> request_framing(const Headers& headers, bool is_http10) {
  return explicit_framing(headers, is_http10, ErrorKind::kMalformedRequest);
}

Result<Framing> response_framing(const Headers& headers, int status, bool to_head, bool is_http10) {
  // The headers of a bodyless answer still have to be sane: they tell whether the peer can be trusted.
  Result<Framing> framing = explicit_framing(headers, is_http10, ErrorKind::kUpstreamMalformed);
  if (!framing) return framing;
  if (to_head || status_has_no_body(status)) return Framing{Framing::Kind::kNone, framing->length};
  if (framing->kind == Framing::Kind::kNone) return Framing{Framing::Kind::kUntilClose};
  return framing;
}

}  // namespace sluice::http1
