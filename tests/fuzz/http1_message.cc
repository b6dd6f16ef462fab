#include "tests/fuzz/http1_message.h"

#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>

#include "gateway/http/http1/chunked_decoder.h"
#include "gateway/http/http1/framing.h"
#include "gateway/http/http1/head_parser.h"
#include "tests/fuzz/request_oracle.h"

namespace sluice::fuzz {
namespace {

namespace beast = boost::beast;

// Its size and body only.
std::optional<Http1Message> by_us(std::string_view bytes) {
  http1::HeadParser parser(http1::HeadParser::Kind::kRequest,
                           {.max_head_bytes = 1 << 20, .max_headers = 1000, .max_uri_bytes = 1 << 20});
  const auto fed = parser.feed(bytes);
  expect(fed.has_value());
  if (!*fed) return std::nullopt;
  const auto request = parser.request(bytes.substr(0, **fed));
  expect(request.has_value() && !request->is_http10);
  const auto framing = http1::request_framing(request->head.headers, false);
  expect(framing.has_value());
  Http1Message out;
  out.bytes = **fed;
  std::string rest(bytes.substr(out.bytes));
  if (framing->kind == http1::Framing::Kind::kLength) {
    if (framing->length > rest.size()) return std::nullopt;
    out.body = rest.substr(0, framing->length);
    out.bytes += out.body.size();
  } else if (framing->kind == http1::Framing::Kind::kChunked) {
    http1::ChunkedDecoder decoder(ErrorKind::kMalformedRequest);
    for (std::size_t at = 0;;) {
      const auto step = decoder.decode(rest.data() + at, rest.size() - at);
      expect(step.has_value());
      out.body += step->content;
      out.bytes += step->consumed;
      at += step->consumed;
      if (step->finished) break;
      if (step->consumed == 0 || at == rest.size()) return std::nullopt;
    }
    expect(decoder.trailers().empty());
  }
  return out;
}

std::optional<Http1Message> by_beast(std::string_view bytes) {
  beast::http::request_parser<beast::http::string_body> parser;
  parser.header_limit(1 << 20);
  parser.body_limit(std::uint64_t{1} << 40);
  parser.eager(true);
  Http1Message out;
  while (!parser.is_done()) {
    beast::error_code error;
    const std::size_t n =
        parser.put(boost::asio::buffer(bytes.data() + out.bytes, bytes.size() - out.bytes), error);
    out.bytes += n;
    if (error == beast::http::error::need_more || (!error && n == 0)) return std::nullopt;
    expect(!error);
  }
  const auto& message = parser.get();
  out.method = message.method_string();
  out.target = message.target();
  for (const auto& field : message)
    out.fields.emplace_back(field.name_string(), field.value());
  out.body = message.body();
  return out;
}

}  // namespace

std::optional<Http1Message> first_request(std::string_view bytes) {
  const std::optional<Http1Message> ours = by_us(bytes);
  std::optional<Http1Message> theirs = by_beast(bytes);
  expect(ours.has_value() == theirs.has_value());
  if (ours) expect(ours->bytes == theirs->bytes && ours->body == theirs->body);
  return theirs;
}

}  // namespace sluice::fuzz
