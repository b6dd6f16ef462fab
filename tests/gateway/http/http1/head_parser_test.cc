#include "gateway/http/http1/head_parser.h"

#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::http1 {
namespace {

using namespace std::string_view_literals;
using Kind = HeadParser::Kind;

// What a head comes to, in one line that two feedings can be compared by.
std::string verdict(HeadParser parser, Kind kind, std::string_view head) {
  if (kind == Kind::kRequest) {
    const auto r = parser.request(head);
    if (!r) return std::string(traits(r.error().kind).name);
    std::string out = "ok ";
    out.append(name(r->head.method)).append(" ").append(r->head.authority()).append(" ");
    out.append(r->head.path()).append(r->head.query()).append(r->is_http10 ? " 1.0\n" : " 1.1\n");
    r->head.headers.append_to(out);
    return out;
  }
  const auto r = parser.response(head);
  if (!r) return std::string(traits(r.error().kind).name);
  std::string out = "ok " + std::to_string(r->head.status) + (r->is_http10 ? " 1.0\n" : " 1.1\n");
  r->head.headers.append_to(out);
  return out;
}

// Feeds the prefixes that `sizes` names, then everything.
std::string feed(std::string_view bytes, Kind kind, const HeadLimits& limits,
                 const std::vector<std::size_t>& sizes) {
  HeadParser parser(kind, limits);
  std::vector<std::size_t> steps = sizes;
  steps.push_back(bytes.size());
  for (const std::size_t size : steps) {
    const auto fed = parser.feed(bytes.substr(0, size));
    if (!fed) return std::string(traits(fed.error().kind).name);
    if (!*fed) continue;
    const std::string said = verdict(parser, kind, bytes.substr(0, **fed));
    return said.starts_with("ok") ? std::to_string(**fed) + " " + said : said;
  }
  return "incomplete";
}

std::string whole(std::string_view bytes, Kind kind = Kind::kRequest, const HeadLimits& limits = {}) {
  return feed(bytes, kind, limits, {});
}

std::string sized(std::string_view expected, std::size_t size) {
  return std::to_string(size) + " " + std::string(expected);
}

void expect_the_same_however_split(std::string_view bytes, Kind kind = Kind::kRequest,
                                   const HeadLimits& limits = {}) {
  const std::string expected = feed(bytes, kind, limits, {});
  std::vector<std::size_t> each_byte;
  for (std::size_t i = 0; i < bytes.size(); ++i)
    each_byte.push_back(i);
  EXPECT_EQ(feed(bytes, kind, limits, each_byte), expected) << "byte by byte: " << bytes.substr(0, 200);
  if (bytes.size() > 2'000) return;
  for (std::size_t i = 0; i <= bytes.size(); ++i)
    EXPECT_EQ(feed(bytes, kind, limits, {i}), expected) << "split at " << i << ": " << bytes;
}

TEST(HeadParser, AGoodRequestIsTheSameHoweverItIsSplit) {
  struct Good {
    std::string_view bytes;
    std::string_view expected;
    std::size_t left_over = 0;
  };
  for (const Good& c : {
           Good{"GET / HTTP/1.1\r\nHost: h\r\n\r\n"sv, "ok GET h / 1.1\n"sv},
           {"GET / HTTP/1.1\r\nHost: h\r\n\r\nleft over"sv, "ok GET h / 1.1\n"sv, 9},
           {"\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n"sv, "ok GET h / 1.1\n"sv},
           {"POST /v1/%63hat?x=1 HTTP/1.1\r\nhOST:h:80\r\nA:\t b c \t\r\nB:\r\na: d\r\n\r\n"sv,
            "ok POST h:80 /v1/chat?x=1 1.1\nA: b c\r\nB: \r\na: d\r\n"sv},
           {"GET http://other:1/a HTTP/1.1\r\nHost: h\r\n\r\n"sv, "ok GET other:1 /a 1.1\n"sv},
           {"GET http://other HTTP/1.1\r\nHost: h\r\n\r\n"sv, "ok GET other / 1.1\n"sv},
           {"OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n"sv, "ok OPTIONS h * 1.1\n"sv},
           {"GET / HTTP/1.0\r\n\r\n"sv, "ok GET  / 1.0\n"sv},
           {"GET / HTTP/1.9\r\nHost: h\r\n\r\n"sv, "ok GET h / 1.1\n"sv},
           {"GET / HTTP/1.1\r\nHost: h\r\n!#$%&'*+-.^_`|~09azAZ: \x80\xff\"\\\r\n\r\n"sv,
            "ok GET h / 1.1\n!#$%&'*+-.^_`|~09azAZ: \x80\xff\"\\\r\n"sv},
           {"GET / HTTP/1.1\r\nHost: h\r\nX: a:b::\r\n\r\n"sv, "ok GET h / 1.1\nX: a:b::\r\n"sv},
       }) {
    EXPECT_EQ(whole(c.bytes), sized(c.expected, c.bytes.size() - c.left_over)) << c.bytes;
    expect_the_same_however_split(c.bytes);
  }
}

TEST(HeadParser, ABadRequestIsRefusedAlikeHoweverItIsSplit) {
  struct Bad {
    std::string_view bytes;
    std::string_view expected = "malformed_request";
  };
  for (const Bad& c : {
           // The request line.
           Bad{"\n"sv},
           {"\nGET / HTTP/1.1\r\nHost: h\r\n\r\n"sv},
           {"\r\n\r\n\r\n\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n"sv},
           {" GET / HTTP/1.1\r\nHost: h\r\n\r\n"sv},
           {"GET\r\n"sv},
           {"GET /\r\n"sv},
           {"GET /\r\nHost: h\r\n\r\n"sv},
           {"GET / \r\n"sv},
           {"GET  / HTTP/1.1\r\nHost: h\r\n\r\n"sv},
           {"GET /  HTTP/1.1\r\nHost: h\r\n\r\n"sv},
           {"GET / HTTP/1.1 \r\nHost: h\r\n\r\n"sv},
           {"GET\t/\tHTTP/1.1\r\nHost: h\r\n\r\n"sv},
           {"GET\x0b/ HTTP/1.1\r\nHost: h\r\n\r\n"sv},
           {"GET /a b HTTP/1.1\r\nHost: h\r\n\r\n"sv},
           {"GET / http/1.1\r\nHost: h\r\n\r\n"sv},
           {"GET / HTTP/1\r\nHost: h\r\n\r\n"sv},
           {"GET / HTTP/1.11\r\nHost: h\r\n\r\n"sv},
           {"GET / HTTP/11\r\nHost: h\r\n\r\n"sv},
           {"GET / HTTP/1,1\r\nHost: h\r\n\r\n"sv},
           {"GET / HTTP/ 1.1\r\nHost: h\r\n\r\n"sv},
           {"GET / HTTP/1.\xb2\r\nHost: h\r\n\r\n"sv},
           {"G(T / HTTP/1.1\r\nHost: h\r\n\r\n"sv},
           {"G\0T / HTTP/1.1\r\nHost: h\r\n\r\n"sv},
           {"GET /\rHTTP/1.1\r\nHost: h\r\n\r\n"sv},
           {"GET / HTTP/1.1\nHost: h\r\n\r\n"sv},
           {"GET / HTTP/1.1\r\r\nHost: h\r\n\r\n"sv},
           {"GET /a#b HTTP/1.1\r\nHost: h\r\n\r\n"sv},
           {"GET /a/../b HTTP/1.1\r\nHost: h\r\n\r\n"sv},
           {"GET * HTTP/1.1\r\nHost: h\r\n\r\n"sv},
           {"GET h:80 HTTP/1.1\r\nHost: h\r\n\r\n"sv},
           {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"sv, "unsupported_version"sv},
           {"GET / HTTP/2.0\r\n"sv, "unsupported_version"sv},
           {"GET / HTTP/0.9\r\n"sv, "unsupported_version"sv},
           {"CONNECT h:80 HTTP/1.1\r\nHost: h\r\n\r\n"sv, "not_implemented"sv},
           {"get / HTTP/1.1\r\nHost: h\r\n\r\n"sv, "not_implemented"sv},
           {"BREW / HTTP/1.1\r\nHost: h\r\n\r\n"sv, "not_implemented"sv},
           {"TRACE / HTTP/1.1\r\nHost: h\r\n\r\n"sv, "method_not_allowed"sv},
           // Host.
           {"GET / HTTP/1.1\r\n\r\n"sv},
           {"GET / HTTP/1.1\r\nHost: h\r\nHost: h\r\n\r\n"sv},
           {"GET / HTTP/1.1\r\nHost: h\r\nhost: i\r\n\r\n"sv},
           {"GET / HTTP/1.1\r\nHost:\r\n\r\n"sv},
           {"GET / HTTP/1.1\r\nHost: a b\r\n\r\n"sv},
           {"GET / HTTP/1.1\r\nHost: a,b\r\n\r\n"sv},
           {"GET / HTTP/1.1\r\nHost: a@b\r\n\r\n"sv},
           {"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n"sv},
           {"GET / HTTP/1.0\r\nHost: a/b\r\n\r\n"sv},
           {"GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n"sv},
           {"GET http://x/ HTTP/1.1\r\n\r\n"sv},
           {"GET http://x/ HTTP/1.1\r\nHost: a/b\r\n\r\n"sv},
           // Fields.
           {"GET / HTTP/1.1\r\nHost: h\r\nA : b\r\n\r\n"sv},
           {"GET / HTTP/1.1\r\nHost: h\r\nA\t: b\r\n\r\n"sv},
           {"GET / HTTP/1.1\r\nHost: h\r\n: b\r\n\r\n"sv},
           {"GET / HTTP/1.1\r\nHost: h\r\nA b\r\n\r\n"sv},
           {"GET / HTTP/1.1\r\nHost: h\r\nA: b\r\n c\r\n\r\n"sv},
           {"GET / HTTP/1.1\r\nHost: h\r\nA: b\r\n\tc\r\n\r\n"sv},
           {"GET / HTTP/1.1\r\n Host: h\r\n\r\n"sv},
           {"GET / HTTP/1.1\r\nHost: h\r\n \r\n\r\n"sv},
           {"GET / HTTP/1.1\r\nHost: h\nA: b\r\n\r\n"sv},
           {"GET / HTTP/1.1\r\nHost: h\r\nA: b\n\r\n"sv},
           {"GET / HTTP/1.1\r\nHost: h\r\n\n"sv},
           {"GET / HTTP/1.1\r\nHost: h\n\n"sv},
           {"GET / HTTP/1.1\r\nHost: h\r\nA: b\rc\r\n\r\n"sv},
           {"GET / HTTP/1.1\r\nHost: h\r\nA: b\r\r\n\r\n"sv},
           {"GET / HTTP/1.1\r\nHost: h\r\n\rA: b\r\n\r\n"sv},
           {"GET / HTTP/1.1\r\nHost: h\r\nA: b\0c\r\n\r\n"sv},
           {"GET / HTTP/1.1\r\nHost: h\r\nA\0: b\r\n\r\n"sv},
           {"GET / HTTP/1.1\r\nHost: h\r\nA: b\x01\r\n\r\n"sv},
           {"GET / HTTP/1.1\r\nHost: h\r\nA: b\x7f\r\n\r\n"sv},
           {"GET / HTTP/1.1\r\nHost: h\r\nA: \x0b"
            "b\r\n\r\n"sv},
           {"GET / HTTP/1.1\r\nHost: h\r\nA\"B: b\r\n\r\n"sv},
           {"GET / HTTP/1.1\r\nHost: h\r\nA(B): b\r\n\r\n"sv},
           {"GET / HTTP/1.1\r\nHost: h\r\n\xc3\xa9: b\r\n\r\n"sv},
           {"GET / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding\xa0: chunked\r\n\r\n"sv},
       }) {
    EXPECT_EQ(whole(c.bytes), c.expected) << c.bytes;
    expect_the_same_however_split(c.bytes);
  }
}

// A head that comes whole is read line by line in one look at each; byte by byte every rule is asked for.
TEST(HeadParser, AnyByteAnywhereMeansTheSameHoweverTheHeadIsSplit) {
  for (const Kind kind : {Kind::kRequest, Kind::kResponse}) {
    const std::string head =
        (kind == Kind::kRequest ? "POST /v1/a.b?c HTTP/1.1\r\n" : "HTTP/1.1 200 OK\r\n") +
        std::string("Host: h:1\r\ncontent-length: 3\r\nx-y:\tz \r\nTE:\r\n\r\n");
    std::vector<std::size_t> each_byte;
    for (std::size_t i = 0; i < head.size(); ++i)
      each_byte.push_back(i);
    for (std::size_t at = 0; at < head.size(); ++at) {
      for (int c = 0; c < 256; ++c) {
        std::string other = head;
        other[at] = static_cast<char>(c);
        ASSERT_EQ(whole(other, kind), feed(other, kind, {}, each_byte)) << at << " is " << c;
      }
      std::string shorter = head;
      shorter.erase(at, 1);
      ASSERT_EQ(whole(shorter, kind), feed(shorter, kind, {}, each_byte)) << "without " << at;
    }
  }
}

TEST(HeadParser, AWrongLineIsRefusedBeforeTheHeadIsComplete) {
  EXPECT_EQ(whole("GET /\r\n"), "malformed_request");
  EXPECT_EQ(whole("GET / HTTP/1.1\r\nA : b\r\n"), "malformed_request");
  EXPECT_EQ(whole("GET / HTTP/1.1\r\nHost: h\r\nA : b"), "incomplete");
}

TEST(HeadParser, HeadBytesAreCountedExactly) {
  const std::string fixed = "GET / HTTP/1.1\r\nHost: h\r\nA: \r\n\r\n";
  HeadLimits limits;
  limits.max_head_bytes = 4'096;
  std::string at_limit = fixed;
  at_limit.insert(fixed.size() - 4, limits.max_head_bytes - fixed.size(), 'x');
  ASSERT_EQ(at_limit.size(), limits.max_head_bytes);
  EXPECT_TRUE(whole(at_limit, Kind::kRequest, limits).starts_with("4096 ok"));
  expect_the_same_however_split(at_limit, Kind::kRequest, limits);
  // Empty lines in front of a request are not part of its head.
  EXPECT_TRUE(whole("\r\n" + at_limit, Kind::kRequest, limits).starts_with("4098 ok"));
  std::string over = at_limit;
  over.insert(fixed.size() - 4, 1, 'x');
  EXPECT_EQ(whole(over, Kind::kRequest, limits), "head_too_large");
  expect_the_same_however_split(over, Kind::kRequest, limits);
  // It is not waited for.
  EXPECT_EQ(whole(over.substr(0, limits.max_head_bytes + 1), Kind::kRequest, limits), "head_too_large");
}

TEST(HeadParser, HeadersAreCountedExactly) {
  HeadLimits limits;
  limits.max_headers = 3;
  const std::string two = "GET / HTTP/1.1\r\nHost: h\r\nA: 1\r\n";
  EXPECT_TRUE(whole(two + "B: 2\r\n\r\n", Kind::kRequest, limits).find(" ok GET") != std::string::npos);
  EXPECT_EQ(whole(two + "B: 2\r\nC: 3\r\n\r\n", Kind::kRequest, limits), "head_too_large");
  expect_the_same_however_split(two + "B: 2\r\nC: 3\r\n\r\n", Kind::kRequest, limits);
  EXPECT_EQ(whole("HTTP/1.1 200 OK\r\na: 1\r\nb: 2\r\nc: 3\r\nd: 4\r\n\r\n", Kind::kResponse, limits),
            "upstream_malformed");
}

TEST(HeadParser, TheTargetIsCountedExactlyWhateverTheMethod) {
  HeadLimits limits;
  limits.max_uri_bytes = 100;
  for (const std::string method : {"GET", "OPTIONS"}) {
    const std::string at_limit = method + " /" + std::string(99, 'a') + " HTTP/1.1\r\nHost: h\r\n\r\n";
    EXPECT_NE(whole(at_limit, Kind::kRequest, limits).find(" ok "), std::string::npos);
    const std::string over = method + " /" + std::string(100, 'a') + " HTTP/1.1\r\nHost: h\r\n\r\n";
    EXPECT_EQ(whole(over, Kind::kRequest, limits), "uri_too_long");
    expect_the_same_however_split(over, Kind::kRequest, limits);
  }
  // An endless first line is cut off.
  EXPECT_EQ(whole("GET /" + std::string(200, 'a'), Kind::kRequest, limits), "uri_too_long");
  EXPECT_EQ(whole(std::string(200, 'a'), Kind::kRequest, limits), "uri_too_long");
}

TEST(HeadParser, AGoodResponseIsTheSameHoweverItIsSplit) {
  struct Good {
    std::string_view bytes;
    std::string_view expected;
    std::size_t left_over = 0;
  };
  for (const Good& c : {
           Good{"HTTP/1.1 200 OK\r\n\r\n"sv, "ok 200 1.1\n"sv},
           {"HTTP/1.1 200 \r\n\r\n"sv, "ok 200 1.1\n"sv},
           {"HTTP/1.1 200\r\n\r\n"sv, "ok 200 1.1\n"sv},
           {"HTTP/1.0 404 Not  Found\xe9\r\nA: b\r\n\r\n"sv, "ok 404 1.0\nA: b\r\n"sv},
           {"HTTP/1.1 599 x\r\n\r\n"sv, "ok 599 1.1\n"sv},
           {"HTTP/1.1 200 OK\r\nA \t : b\r\n\r\n"sv, "ok 200 1.1\nA: b\r\n"sv},
           {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\n"sv, "ok 100 1.1\n"sv, 19},
       }) {
    EXPECT_EQ(whole(c.bytes, Kind::kResponse), sized(c.expected, c.bytes.size() - c.left_over)) << c.bytes;
    expect_the_same_however_split(c.bytes, Kind::kResponse);
  }
}

TEST(HeadParser, ABadResponseIsRefusedAlikeHoweverItIsSplit) {
  for (const std::string_view bytes : {
           "\r\nHTTP/1.1 200 OK\r\n\r\n"sv,
           "HTTP/1.1 200 OK\n\n"sv,
           "HTTP/1.1 200 OK\r\nA: b\n\r\n"sv,
           "HTTP/1.1 200 O\rK\r\n\r\n"sv,
           "HTTP/1.1 200 O\0K\r\n\r\n"sv,
           "HTTP/1.1 2000 OK\r\n\r\n"sv,
           "HTTP/1.1 20 OK\r\n\r\n"sv,
           "HTTP/1.1 2x0 OK\r\n\r\n"sv,
           "HTTP/1.1 -20 OK\r\n\r\n"sv,
           "HTTP/1.1 099 OK\r\n\r\n"sv,
           "HTTP/1.1 600 OK\r\n\r\n"sv,
           "HTTP/1.1 000 OK\r\n\r\n"sv,
           "HTTP/1.1  200 OK\r\n\r\n"sv,
           "HTTP/1.1\t200 OK\r\n\r\n"sv,
           "HTTP/1.1\r\n\r\n"sv,
           "HTTP/2.0 200 OK\r\n\r\n"sv,
           "HTTP/2 200\r\n\r\n"sv,
           "http/1.1 200 OK\r\n\r\n"sv,
           "ICY 200 OK\r\n\r\n"sv,
           "200 OK\r\n\r\n"sv,
           "{\"error\":\"x\"}\r\n\r\n"sv,
           "HTTP/1.1 200 OK\r\n: b\r\n\r\n"sv,
           "HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n"sv,
           "HTTP/1.1 200 OK\r\nA: b\0\r\n\r\n"sv,
           "HTTP/1.1 200 OK\r\nAb\r\n\r\n"sv,
       }) {
    EXPECT_EQ(whole(bytes, Kind::kResponse), "upstream_malformed") << bytes;
    expect_the_same_however_split(bytes, Kind::kResponse);
  }
  HeadLimits limits;
  limits.max_head_bytes = 64;
  EXPECT_EQ(whole("HTTP/1.1 200 OK\r\nA: " + std::string(64, 'x'), Kind::kResponse, limits),
            "upstream_malformed");
}

}  // namespace
}  // namespace sluice::http1
