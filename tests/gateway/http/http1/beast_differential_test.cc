// A second opinion on framing: whatever our parser accepts of a stream of mutated requests, Boost.Beast's
// must cut at the same bytes into the same method, target, fields and body. Where Beast accepts more it does
// not matter; where we accept what Beast refuses, the reason is listed here.

#include <gtest/gtest.h>

#include <algorithm>
#include <iterator>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>

#include "gateway/http/http1/chunked_decoder.h"
#include "gateway/http/http1/framing.h"
#include "gateway/http/http1/head_parser.h"
#include "gateway/http/target.h"

namespace sluice::http1 {
namespace {

namespace beast = boost::beast;
using namespace std::string_view_literals;

struct Framed {
  std::string method;
  std::string target;  // as it came
  std::size_t fields = 0;
  std::string body;
  std::size_t size = 0;  // bytes of the whole message
};

// The raw target, which our head keeps only in canonical form.
std::string raw_target(std::string_view head) {
  while (head.starts_with("\r\n"))
    head.remove_prefix(2);
  const std::size_t begin = head.find(' ') + 1;
  return std::string(head.substr(begin, head.find(' ', begin) - begin));
}

// We know one field per line; Host among them, which became the authority.
std::size_t field_lines(std::string_view head) {
  while (head.starts_with("\r\n"))
    head.remove_prefix(2);
  return static_cast<std::size_t>(std::count(head.begin(), head.end(), '\n')) - 2;
}

// The first message of `bytes`; nullopt if it is refused or incomplete.
std::optional<Framed> by_us(std::string_view bytes) {
  HeadParser parser(HeadParser::Kind::kRequest, HeadLimits());
  const auto fed = parser.feed(bytes);
  if (!fed || !*fed) return std::nullopt;
  const auto request = parser.request(bytes.substr(0, **fed));
  if (!request) return std::nullopt;
  const auto framing = request_framing(request->head.headers, request->is_http10);
  if (!framing) return std::nullopt;
  Framed out{std::string(name(request->head.method)),
             raw_target(bytes),
             field_lines(bytes.substr(0, **fed)),
             {},
             **fed};
  std::string rest(bytes.substr(out.size));
  switch (framing->kind) {
    case Framing::Kind::kLength:
      if (framing->length > rest.size()) return std::nullopt;
      out.body = rest.substr(0, static_cast<std::size_t>(framing->length));
      out.size += out.body.size();
      break;
    case Framing::Kind::kChunked: {
      ChunkedDecoder decoder(ErrorKind::kMalformedRequest);
      const auto step = decoder.decode(rest.data(), rest.size());
      if (!step || !step->finished) return std::nullopt;
      out.body = step->content;
      out.size += step->consumed;
      break;
    }
    default:
      break;
  }
  return out;
}

struct BeastAnswer {
  std::optional<Framed> framed;
  beast::error_code why_not;
};

BeastAnswer by_beast(std::string_view bytes) {
  beast::http::request_parser<beast::http::string_body> parser;
  parser.header_limit(1024 * 1024);
  parser.body_limit(1024 * 1024);
  Framed out;
  beast::error_code ec;
  const auto put = [&] {
    const std::size_t n =
        parser.put(boost::asio::buffer(bytes.data() + out.size, bytes.size() - out.size), ec);
    out.size += n;
    return n;
  };
  while (!parser.is_header_done() && !ec)
    put();
  if (ec) return {std::nullopt, ec};
  const auto& head = parser.get();
  out.method = head.method_string();
  out.target = head.target();
  out.fields = static_cast<std::size_t>(std::distance(head.begin(), head.end()));
  parser.eager(true);
  while (!parser.is_done() && !ec) {
    if (put() == 0 && !ec && !parser.is_done()) return {std::nullopt, beast::http::error::need_more};
  }
  if (ec) return {std::nullopt, ec};
  out.body = parser.get().body();
  return {out, {}};
}

// What we accept and Beast 1.81 does not, each for a reason.
bool is_harmless(beast::error_code why_not, std::string_view message) {
  // A Connection or Upgrade field that is no list of tokens: what it says is not forwarded, and an option
  // that cannot be read asks for nothing.
  if (why_not == beast::http::error::bad_value) return true;
  // The grammar of a chunk extension's name and value: we read over everything up to the CRLF but controls,
  // and forward none of it.
  if (why_not == beast::http::error::bad_chunk_extension) return true;
  // In a quoted string that is not closed Beast looks for the quote beyond the CRLF.
  if (why_not == beast::http::error::need_more) return message.find(';') < message.find('"');
  // RFC 9112 2.3: a higher minor version is served as 1.1. Beast knows 1.0 and 1.1.
  if (why_not == beast::http::error::bad_version) {
    const std::size_t line_begin = message.find_first_not_of("\r\n");
    const std::string_view line = message.substr(line_begin, message.find('\r', line_begin) - line_begin);
    return line.substr(line.size() - 8, 7) == "HTTP/1." && line.back() > '1';
  }
  return false;
}

const std::vector<std::string>& seeds() {
  static const std::vector<std::string> all = {
      "GET / HTTP/1.1\r\nHost: h\r\n\r\n",
      "GET /a/b%20c?d=e&f HTTP/1.1\r\nHost: example.org:8080\r\nAccept: */*\r\nX-Y: z\r\n\r\n",
      "POST /v1/chat/completions HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\nContent-Length: "
      "13\r\n\r\n{\"model\":\"m\"}",
      "POST /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6;a=b\r\n "
      "world\r\n0\r\nX-T: v\r\n\r\n",
      "HEAD / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
      "PUT http://other/p HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\nExpect: 100-continue\r\n\r\n",
      "OPTIONS * HTTP/1.1\r\nHost: h\r\nConnection: close, x\r\n\r\n",
      "DELETE /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nA\r\n0123456789\r\n0\r\n\r\n",
      "\r\nPATCH /x HTTP/1.1\r\nHost: [::1]:1\r\ncontent-length: 3\r\n\r\nabc",
  };
  return all;
}

// Pieces that parsers have disagreed about.
constexpr std::string_view kFragments[] = {
    "\r\n"sv,
    "\n"sv,
    "\r"sv,
    " "sv,
    "\t"sv,
    ":"sv,
    "\0"sv,
    "\x0b"sv,
    "\x7f"sv,
    "\x80"sv,
    ";"sv,
    ","sv,
    "0"sv,
    "1"sv,
    "f"sv,
    "+"sv,
    "-"sv,
    "\r\n\r\n"sv,
    "\r\n "sv,
    "0\r\n\r\n"sv,
    "Content-Length: 3\r\n"sv,
    "Content-Length: 0\r\n"sv,
    "Transfer-Encoding: chunked\r\n"sv,
    "Transfer-Encoding: identity\r\n"sv,
    "Transfer-Encoding: gzip, chunked\r\n"sv,
    "Content-Length : 3\r\n"sv,
    "Host: i\r\n"sv,
    "X: y\r\n"sv,
    "X:\r\n"sv,
    " HTTP/1.1"sv,
    "HTTP/1.0"sv,
    "GET /s HTTP/1.1\r\nHost: h\r\n\r\n"sv,
    "chunked"sv,
    "0x"sv,
    ";e=\"\r\""sv,
    "%2f"sv,
    "Connection: close\r\n"sv,
    "Connection: ,,\r\n"sv,
    "Upgrade: h2c\r\n"sv,
    "3\r\nabc\r\n"sv,
};

class Mutator {
 public:
  explicit Mutator(std::uint64_t seed) : random_(seed) {}

  std::string next() {
    std::string bytes;
    const std::size_t messages = 1 + below(3);
    for (std::size_t i = 0; i < messages; ++i)
      bytes += seeds()[below(seeds().size())];
    const std::size_t edits = below(4);
    for (std::size_t i = 0; i < edits; ++i)
      edit(bytes);
    return bytes;
  }

 private:
  std::size_t below(std::size_t n) { return random_() % n; }

  void edit(std::string& bytes) {
    if (bytes.empty()) return;
    const std::size_t at = below(bytes.size());
    switch (below(7)) {
      case 0:
        bytes[at] = static_cast<char>(below(256));
        break;
      case 1:
        bytes.erase(at, 1 + below(3));
        break;
      case 2:
        bytes.insert(at, kFragments[below(std::size(kFragments))]);
        break;
      case 3: {  // a fragment where a line begins
        const std::size_t line = bytes.find('\n', at);
        if (line != bytes.npos) bytes.insert(line + 1, kFragments[below(std::size(kFragments))]);
        break;
      }
      case 4: {  // a line twice
        const std::size_t begin = bytes.rfind('\n', at) + 1;
        const std::size_t end = bytes.find('\n', at);
        if (end != bytes.npos && end >= begin) bytes.insert(begin, bytes.substr(begin, end + 1 - begin));
        break;
      }
      case 5:
        bytes[at] ^= 0x20;  // the other case, or something odd
        break;
      default:
        bytes.insert(at, bytes.substr(below(bytes.size()), below(12)));
    }
  }

  std::mt19937_64 random_;
};

TEST(BeastDifferential, WhatWeAcceptBeastFramesTheSame) {
  constexpr int kStreams = 30'000;
  Mutator mutator(20'240'607);
  std::size_t accepted = 0;
  std::size_t disagreements = 0;
  for (int i = 0; i < kStreams && disagreements < 10; ++i) {
    const std::string stream = mutator.next();
    std::string_view rest = stream;
    while (const auto ours = by_us(rest)) {
      ++accepted;
      const std::string_view message = rest.substr(0, ours->size);
      // Beast does not skip the empty lines that RFC 9112 2.2 lets us skip.
      std::size_t skipped = 0;
      while (rest.substr(skipped).starts_with("\r\n"))
        skipped += 2;
      const BeastAnswer theirs = by_beast(rest.substr(skipped));
      if (!theirs.framed) {
        if (!is_harmless(theirs.why_not, message)) {
          ++disagreements;
          ADD_FAILURE() << "Beast refuses (" << theirs.why_not
                        << "): " << ::testing::PrintToString(std::string(rest));
        }
      } else if (theirs.framed->size + skipped != ours->size || theirs.framed->body != ours->body ||
                 theirs.framed->method != ours->method || theirs.framed->target != ours->target ||
                 theirs.framed->fields != ours->fields) {
        ++disagreements;
        ADD_FAILURE() << "framed differently: " << ::testing::PrintToString(std::string(rest)) << "\nours "
                      << ours->size << " bytes, " << ours->fields << " fields, " << ours->target << " body "
                      << ::testing::PrintToString(ours->body) << "\nBeast's " << theirs.framed->size + skipped
                      << " bytes, " << theirs.framed->fields << " fields, " << theirs.framed->target
                      << " body " << ::testing::PrintToString(theirs.framed->body);
      }
      rest.remove_prefix(ours->size);
    }
  }
  // The generator must not degenerate into what both refuse.
  EXPECT_GT(accepted, static_cast<std::size_t>(kStreams) / 2);
}

}  // namespace
}  // namespace sluice::http1
