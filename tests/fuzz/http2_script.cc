#include "tests/fuzz/http2_script.h"

#include <nghttp2/nghttp2.h>

#include <algorithm>
#include <iterator>
#include <utility>

namespace sluice::fuzz {
namespace {

using namespace std::string_view_literals;

constexpr std::string_view kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

// What means something to somebody on the way, and what must not.
constexpr std::string_view kTexts[] = {":method",
                                       ":scheme",
                                       ":path",
                                       ":authority",
                                       ":protocol",
                                       ":status",
                                       "host",
                                       "content-length",
                                       "transfer-encoding",
                                       "te",
                                       "connection",
                                       "keep-alive",
                                       "proxy-connection",
                                       "upgrade",
                                       "cookie",
                                       "expect",
                                       "trailer",
                                       "content-type",
                                       "authorization",
                                       "x-forwarded-for",
                                       "x-request-id",
                                       "traceparent",
                                       "via",
                                       "x-a",
                                       "X-Upper",
                                       "GET",
                                       "POST",
                                       "HEAD",
                                       "OPTIONS",
                                       "PUT",
                                       "CONNECT",
                                       "TRACE",
                                       "http",
                                       "https",
                                       "/",
                                       "/files/a?b=c",
                                       "/v1/chat/completions",
                                       "/../%2e%2e/a//b",
                                       "*",
                                       "gateway.test",
                                       "user@gateway.test:80",
                                       "[::1]:443",
                                       "",
                                       "0",
                                       "1",
                                       "5",
                                       "05",
                                       "+5",
                                       "5, 5",
                                       "18446744073709551616",
                                       "chunked",
                                       "gzip, chunked",
                                       "trailers",
                                       "close",
                                       "x-a, host",
                                       "100-continue",
                                       "h2c",
                                       "a\r\nb: c"sv,
                                       "a\nb"sv,
                                       "a\0b"sv,
                                       " a ",
                                       "\x80\xff",
                                       "a: b",
                                       "\ta"};

std::string big_endian(std::uint32_t value, std::size_t bytes) {
  std::string out;
  for (std::size_t i = bytes; i-- != 0;)
    out.push_back(static_cast<char>(value >> (8 * i)));
  return out;
}

}  // namespace

std::uint8_t ByteCursor::byte() noexcept {
  if (rest_.empty()) return 0;
  const auto out = static_cast<std::uint8_t>(rest_.front());
  rest_.remove_prefix(1);
  return out;
}

std::uint32_t ByteCursor::number(std::size_t bytes) noexcept {
  std::uint32_t out = 0;
  while (bytes-- != 0)
    out = out << 8 | byte();
  return out;
}

std::string_view ByteCursor::take(std::size_t bytes) noexcept {
  const std::string_view out = rest_.substr(0, bytes);
  rest_.remove_prefix(out.size());
  return out;
}

Http2Script::Http2Script(std::string_view program, std::string mark)
    : program_(program), mark_(std::move(mark)) {
  nghttp2_hd_deflate_new(&deflater_, 4096);
  greeting_.push_back(std::string(kPreface) + frame(NGHTTP2_SETTINGS, 0, 0, {}));
}

Http2Script::~Http2Script() {
  nghttp2_hd_deflate_del(deflater_);
}

std::string Http2Script::frame(unsigned type, unsigned flags, std::uint32_t stream,
                               std::string_view payload) const {
  std::string out = big_endian(static_cast<std::uint32_t>(payload.size()), 3);
  out.push_back(static_cast<char>(type));
  out.push_back(static_cast<char>(flags));
  out += big_endian(stream, 4);
  return out.append(payload);
}

// The latest, an older one, or none that ever was.
std::uint32_t Http2Script::stream() {
  const std::uint8_t code = program_.byte();
  const std::uint32_t latest = next_stream_ < 2 ? 1 : next_stream_ - 2;
  if (code < 128) return latest - std::min<std::uint32_t>(latest - 1, 2u * (code % 8u));
  return code < 192 ? code % 16 : program_.number(4);
}

std::string Http2Script::text() {
  const std::uint8_t code = program_.byte();
  if (code < std::size(kTexts)) return std::string(kTexts[code]);
  if (code < 224) return std::string(program_.take(code % 16));
  return std::string(16u * program_.byte(), static_cast<char>('a' + code % 8));
}

Http2Script::Fields Http2Script::more_fields() {
  Fields out;
  for (std::size_t left = program_.byte() % 16; left != 0; --left) {
    std::string name = text();
    out.emplace_back(std::move(name), text());
  }
  return out;
}

std::string Http2Script::block(unsigned flags, std::uint32_t stream, const Fields& fields, unsigned shape) {
  std::vector<nghttp2_nv> list;
  for (const auto& [name, value] : fields) {
    list.push_back({reinterpret_cast<std::uint8_t*>(const_cast<char*>(name.data())),
                    reinterpret_cast<std::uint8_t*>(const_cast<char*>(value.data())), name.size(),
                    value.size(), NGHTTP2_NV_FLAG_NONE});
  }
  std::string bytes(nghttp2_hd_deflate_bound(deflater_, list.data(), list.size()), '\0');
  const ssize_t size = nghttp2_hd_deflate_hd(deflater_, reinterpret_cast<std::uint8_t*>(bytes.data()),
                                             bytes.size(), list.data(), list.size());
  bytes.resize(size < 0 ? 0 : static_cast<std::size_t>(size));

  std::string payload;
  if ((shape & 1) != 0) {  // padded
    flags |= NGHTTP2_FLAG_PADDED;
    payload.push_back(static_cast<char>(shape));
  }
  if ((shape & 2) != 0) {
    flags |= NGHTTP2_FLAG_PRIORITY;
    payload += big_endian(program_.number(4), 4) + '\x0f';
  }
  const bool cut = (shape & 4) != 0;
  const std::size_t part = cut ? bytes.size() / 3 : bytes.size();
  payload += bytes.substr(0, part);
  if ((shape & 1) != 0) payload.append(shape, '\0');
  constexpr std::size_t kMaxFrame = 16 * 1024;
  const unsigned ends = (shape & 8) != 0 && shape > 128 ? 0 : NGHTTP2_FLAG_END_HEADERS;
  std::string rest = bytes.substr(part);
  if (payload.size() > kMaxFrame) {
    rest = payload.substr(kMaxFrame) + rest;
    payload.resize(kMaxFrame);
  }
  std::string out = frame(NGHTTP2_HEADERS, flags | (rest.empty() ? ends : 0), stream, payload);
  while (!rest.empty()) {
    const std::string piece = rest.substr(0, cut ? std::max<std::size_t>(1, bytes.size() / 2) : kMaxFrame);
    rest.erase(0, std::min(piece.size(), kMaxFrame));
    out += frame(NGHTTP2_CONTINUATION, rest.empty() ? ends : 0, stream, piece.substr(0, kMaxFrame));
  }
  return out;
}

std::string Http2Script::head() {
  const std::uint8_t how = program_.byte();
  std::uint32_t id = next_stream_;
  if ((how & 0xc0) == 0xc0) {
    id = stream();
  } else {
    next_stream_ += 2;
  }
  Fields fields;
  if ((how & 0x30) != 0x30) {
    constexpr std::string_view kMethods[] = {"GET", "POST", "HEAD", "PUT"};
    constexpr std::string_view kPaths[] = {"/files/a?b=c", "/v1/chat/completions", "/", "/x"};
    fields = {{":method", std::string(kMethods[how >> 1 & 3])},
              {":scheme", "http"},
              {":authority", "gateway.test"},
              {":path", std::string(kPaths[how >> 3 & 3])}};
  }
  if (!mark_.empty()) fields.emplace_back(mark_, std::to_string(id));
  for (auto& field : more_fields())
    fields.push_back(std::move(field));
  return block((how & 1) != 0 ? NGHTTP2_FLAG_END_STREAM : 0, id, fields, program_.byte());
}

std::string Http2Script::trailers() {
  const std::uint32_t id = stream();
  const Fields fields = more_fields();
  return block(NGHTTP2_FLAG_END_STREAM, id, fields, program_.byte());
}

std::string Http2Script::data() {
  const std::uint32_t id = stream();
  const std::uint8_t how = program_.byte();
  unsigned flags = (how & 1) != 0 ? NGHTTP2_FLAG_END_STREAM : 0;
  std::string payload = (how & 2) != 0 ? std::string(program_.number(2) % 16384, 'd')
                                       : std::string(program_.take(program_.byte() % 32));
  if ((how & 4) != 0 && payload.size() < 16'000) {
    flags |= NGHTTP2_FLAG_PADDED;
    payload.insert(0, 1, static_cast<char>(how));
    payload.append(how, '\0');
  }
  return frame(NGHTTP2_DATA, flags, id, payload);
}

std::string Http2Script::settings() {
  std::string payload;
  for (std::size_t left = program_.byte() % 8; left != 0; --left) {
    payload += big_endian(program_.byte() % 10, 2);
    payload += big_endian(program_.number(program_.byte() % 5), 4);
  }
  return frame(NGHTTP2_SETTINGS, 0, 0, payload);
}

std::optional<Http2Script::Step> Http2Script::next() {
  using Kind = Step::Kind;
  if (!greeting_.empty()) {
    std::string bytes = std::move(greeting_.front());
    greeting_.pop_front();
    return Step{Kind::kSend, std::move(bytes)};
  }
  if (program_.empty()) return std::nullopt;
  std::string bytes;
  switch (program_.byte() % 20) {
    case 0:
    case 1:
      bytes = head();
      break;
    case 2:
    case 3:
      bytes = data();
      break;
    case 4:
      bytes = trailers();
      break;
    case 5: {
      const std::uint32_t id = stream();
      bytes = frame(NGHTTP2_RST_STREAM, 0, id, big_endian(program_.byte() % 16, 4));
      break;
    }
    case 6:
      bytes = settings();
      break;
    case 7:
      bytes = frame(NGHTTP2_SETTINGS, NGHTTP2_FLAG_ACK, 0, {});
      break;
    case 8:
      bytes = frame(NGHTTP2_PING, program_.byte() & 1, 0, "8 bytes.");
      break;
    case 9: {
      const std::uint32_t id = program_.byte() % 2 == 0 ? 0 : stream();
      bytes = frame(NGHTTP2_WINDOW_UPDATE, 0, id, big_endian(program_.number(program_.byte() % 5), 4));
      break;
    }
    case 10: {
      const std::uint32_t id = stream();
      bytes = frame(NGHTTP2_PRIORITY, 0, id, big_endian(program_.number(2), 4) + "\x10");
      break;
    }
    case 11:
      bytes = frame(NGHTTP2_GOAWAY, 0, 0, big_endian(program_.byte(), 4) + big_endian(program_.byte(), 4));
      break;
    case 12: {  // any frame
      const unsigned type = program_.byte() % 16;
      const unsigned flags = program_.byte();
      const std::uint32_t id = stream();
      bytes = frame(type, flags, id, program_.take(program_.byte() % 64));
      break;
    }
    case 13: {  // any bytes
      bytes = program_.take(program_.byte() % 64);
      break;
    }
    case 14: {  // the same again, many times
      const std::string once = last_;
      for (unsigned left = program_.byte(); left != 0 && bytes.size() < 20 * 1024; --left)
        bytes += once;
      return Step{Kind::kSend, std::move(bytes)};
    }
    case 15:
      return Step{Kind::kTime, {}, program_.byte() % 128u};
    case 16:
      return Step{Kind::kRead, {}, program_.byte() % 2u};
    case 17:
      return Step{Kind::kWake};
    case 18:
      return Step{Kind::kAnswer, {}, program_.byte()};
    default:
      return Step{Kind::kDrain};
  }
  last_ = bytes;
  return Step{Kind::kSend, std::move(bytes)};
}

}  // namespace sluice::fuzz
