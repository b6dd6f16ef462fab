// What a hostile client may send to an HTTP/1.1 listener, and what becomes of it: the status it is given,
// whether its connection goes on, and which requests with which bytes the handler behind gets to see.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/gateway/http/http1/served_connection.h"

namespace sluice::http1 {
namespace {

using ::testing::ElementsAre;
using ::testing::ElementsAreArray;
using ::testing::Not;

const std::string kSmuggled = "GET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n";

std::string get(const std::string& target, const std::string& fields = "") {
  return "GET " + target + " HTTP/1.1\r\nHost: h\r\n" + fields + "\r\n";
}
std::string post(const std::string& fields, const std::string& body) {
  return "POST /x HTTP/1.1\r\nHost: h\r\n" + fields + "\r\n" + body;
}
std::string chunked(const std::string& body) {
  return post("Transfer-Encoding: chunked\r\n", body);
}

struct Attack {
  const char* name;
  std::string bytes;
  int status;
  std::vector<std::string> seen = {};
};

std::vector<Attack> attacks() {
  using namespace std::string_literals;
  const std::string bad_body = "POST /x !malformed_request";
  return {
      // Framing (RFC 9112 6.1, 6.3).
      {"length and chunked", post("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"), 400},
      {"chunked and length", post("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", "0\r\n\r\n"), 400},
      {"length and a coding in other case", post("Content-Length: 5\r\ntransfer-ENCODING: Chunked\r\n", ""),
       400},
      {"two codings in two fields",
       post("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n", "0\r\n\r\n"), 400},
      {"chunked twice", post("Transfer-Encoding: chunked, chunked\r\n", "0\r\n\r\n"), 501},
      {"chunked not last", post("Transfer-Encoding: chunked, gzip\r\n", "0\r\n\r\n"), 501},
      {"xchunked", post("Transfer-Encoding: xchunked\r\n", "0\r\n\r\n"), 501},
      {"chunked in quotes", post("Transfer-Encoding: \"chunked\"\r\n", "0\r\n\r\n"), 501},
      {"chunked with a vertical tab", post("Transfer-Encoding: \vchunked\r\n", "0\r\n\r\n"), 400},
      {"chunked behind NUL", post("Transfer-Encoding: chunked\0\r\n"s, "0\r\n\r\n"), 400},
      {"an empty coding", post("Transfer-Encoding:\r\n", "0\r\n\r\n"), 501},
      {"a space before the coding's colon", post("Transfer-Encoding : chunked\r\n", "0\r\n\r\n"), 400},
      {"a folded coding", post("Transfer-Encoding:\r\n chunked\r\n", "0\r\n\r\n"), 400},
      {"a coding after a bare CR", post("X: a\rTransfer-Encoding: chunked\r\n", "0\r\n\r\n"), 400},
      {"a coding after a bare LF", post("X: a\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"), 400},
      {"a coding in HTTP/1.0",
       "POST /x HTTP/1.0\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
      {"two equal lengths", post("Content-Length: 5\r\nContent-Length: 5\r\n", "hello"), 400},
      {"two lengths", post("Content-Length: 0\r\nContent-Length: 44\r\n", ""), 400},
      {"a list of lengths", post("Content-Length: 5, 5\r\n", "hello"), 400},
      {"a signed length", post("Content-Length: +5\r\n", "hello"), 400},
      {"a negative length", post("Content-Length: -1\r\n", ""), 400},
      {"an empty length", post("Content-Length:\r\n", ""), 400},
      {"a length with a space inside", post("Content-Length: 1 0\r\n", ""), 400},
      {"a hexadecimal length", post("Content-Length: 0x5\r\n", "hello"), 400},
      {"a length of 2^64", post("Content-Length: 18446744073709551616\r\n", ""), 400},
      {"a length of 2^64+5", post("Content-Length: 18446744073709551621\r\n", "hello"), 400},
      {"a merely huge length",
       post("Content-Length: 1000000000000\r\n", "hello"),
       413,
       {"POST /x !body_too_large"}},

      // Lines and fields (RFC 9112 2.2, 5.1, 5.2; RFC 9110 5.5).
      {"a space before a colon", get("/", "X : y\r\n"), 400},
      {"a folded line", get("/", "X: y\r\n z\r\n"), 400},
      {"a first line that is folded", "GET / HTTP/1.1\r\n Host: h\r\nX: y\r\n\r\n", 400},
      {"a bare LF in the request line", "GET / HTTP/1.1\nHost: h\r\n\r\n", 400},
      {"a bare LF after a field", "GET / HTTP/1.1\r\nHost: h\n\r\n", 400},
      {"a bare LF as the empty line", "GET / HTTP/1.1\r\nHost: h\r\n\n", 400},
      {"a bare CR in a value", get("/", "X: a\rb\r\n"), 400},
      {"a bare CR as a line end", "GET / HTTP/1.1\rHost: h\r\r\n", 400},
      {"NUL in a value", get("/", "X: a\0b\r\n"s), 400},
      {"NUL in a name", get("/", "X\0: a\r\n"s), 400},
      {"a control in a value", get("/", "X: a\x1b[0m\r\n"), 400},
      {"DEL in a value", get("/", "X: a\x7f\r\n"), 400},
      {"an empty name", get("/", ": x\r\n"), 400},
      {"a line without a colon", get("/", "garbage\r\n"), 400},

      // Host and target (RFC 9112 3.2).
      {"no Host", "GET / HTTP/1.1\r\n\r\n", 400},
      {"two Hosts", get("/", "Host: i\r\n"), 400},
      {"an empty Host", "GET / HTTP/1.1\r\nHost: \r\n\r\n", 400},
      {"a Host with a path", "GET / HTTP/1.1\r\nHost: h/evil\r\n\r\n", 400},
      {"a Host with user information", "GET / HTTP/1.1\r\nHost: u@h\r\n\r\n", 400},
      {"a Host with a space", "GET / HTTP/1.1\r\nHost: h evil\r\n\r\n", 400},
      {"a fragment in the target", get("/a#b"), 400},
      {"a space in the target", get("/a b"), 400},
      {"a tab in the target", get("/a\tb"), 400},
      {"a control in the target", get("/a\x01"), 400},
      {"a byte above ASCII in the target", get("/\xff"), 400},
      {"a dot segment", get("/a/../admin"), 400},
      {"an escaped dot segment", get("/%2e%2E/admin"), 400},
      {"a dot segment with a parameter", get("/..;x/admin"), 400},
      {"an escaped slash", get("/a%2fb"), 400},
      {"an escaped backslash", get("/a%5Cb"), 400},
      {"a backslash", get("/..\\admin"), 400},
      {"an empty segment", get("//admin"), 400},
      {"an escaped NUL", get("/a%00.txt"), 400},
      {"the asterisk with GET", get("*"), 400},

      // Methods and versions.
      {"CONNECT", "CONNECT h:443 HTTP/1.1\r\nHost: h\r\n\r\n", 501},
      {"TRACE", "TRACE / HTTP/1.1\r\nHost: h\r\n\r\n", 405},
      {"an unknown method", "BREW / HTTP/1.1\r\nHost: h\r\n\r\n", 501},
      {"a method in lower case", "get / HTTP/1.1\r\nHost: h\r\n\r\n", 501},
      {"HTTP/0.9", "GET /\r\n", 400},
      {"HTTP/2's preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505},
      {"HTTP/1.1 misspelt", "GET / HTTP/1.1a\r\nHost: h\r\n\r\n", 400},
      {"a TLS hello", "\x16\x03\x01\x02\x00\x01\n"s, 400},
      {"an unknown expectation", post("Content-Length: 5\r\nExpect: 200-ok\r\n", "hello"), 417},

      // Chunks (RFC 9112 7.1). The handler is called, since the head was good, and hears of the violation.
      {"a bare LF after a chunk size", chunked("3\nabc\r\n0\r\n\r\n"), 400, {bad_body}},
      {"a bare LF after a chunk", chunked("3\r\nabc\n0\r\n\r\n"), 400, {bad_body}},
      {"a bare LF in an extension", chunked("3;a\nabc\r\n0\r\n\r\n"), 400, {bad_body}},
      {"a bare CR in an extension", chunked("3;a\rb\r\nabc\r\n0\r\n\r\n"), 400, {bad_body}},
      {"a bare LF at the end", chunked("0\r\n\n"), 400, {bad_body}},
      {"a chunk size that overflows", chunked("10000000000000003\r\nabc\r\n0\r\n\r\n"), 400, {bad_body}},
      {"a chunk size of 16 digits", chunked("ffffffffffffffff\r\nabc"), 400, {bad_body}},
      {"a signed chunk size", chunked("+3\r\nabc\r\n0\r\n\r\n"), 400, {bad_body}},
      {"a chunk size with 0x", chunked("0x3\r\nabc\r\n0\r\n\r\n"), 400, {bad_body}},
      {"an empty chunk size", chunked("\r\nabc\r\n0\r\n\r\n"), 400, {bad_body}},
      {"two chunk sizes", chunked("3 4\r\nabc\r\n0\r\n\r\n"), 400, {bad_body}},
      {"a chunk longer than its size", chunked("3\r\nabcd\r\n0\r\n\r\n"), 400, {bad_body}},
      {"a chunk shorter than its size", chunked("5\r\nabc\r\n0\r\n\r\n"), 400, {bad_body}},
      {"extensions of any size",
       chunked("1;" + std::string(5'000, 'e') + "\r\na\r\n0\r\n\r\n"),
       400,
       {bad_body}},
      {"trailers of any size", chunked("0\r\nX: " + std::string(9'000, 't') + "\r\n\r\n"), 400, {bad_body}},
      {"a folded trailer", chunked("0\r\nX: y\r\n z\r\n\r\n"), 400, {bad_body}},
      {"a length among the trailers", chunked("0\r\nContent-Length: 35\r\n\r\n"), 400, {bad_body}},
      {"a coding among the trailers", chunked("0\r\nTransfer-Encoding: chunked\r\n\r\n"), 400, {bad_body}},
      {"a Host among the trailers", chunked("0\r\nHost: evil\r\n\r\n"), 400, {bad_body}},
      {"a trailer that is a request", chunked("0\r\nGET / HTTP/1.1\r\n\r\n"), 400, {bad_body}},
  };
}

class AttackTest : public ::testing::TestWithParam<std::size_t> {};

// The parameter is the most bytes one read yields.
TEST_P(AttackTest, EachIsRefusedAndItsConnectionClosed) {
  for (const Attack& attack : attacks()) {
    SCOPED_TRACE(attack.name);
    ServedConnection served({}, GetParam());
    served.send(attack.bytes + kSmuggled);
    EXPECT_THAT(served.statuses(), ElementsAre(attack.status));
    EXPECT_NE(served.received.find("connection: close\r\n"), std::string::npos);
    EXPECT_EQ(served.end, ServedConnection::End::kClosed);
    EXPECT_THAT(served.handler.seen, ElementsAreArray(attack.seen));
    EXPECT_EQ(served.handler.refused.size(), attack.seen.empty() ? 1u : 0u);
    // What follows is never a request.
    served.send(kSmuggled);
    EXPECT_THAT(served.handler.seen, ElementsAreArray(attack.seen));
    served.leave();
    EXPECT_TRUE(served.gone());
  }
}

TEST_P(AttackTest, NoneHarmsTheRequestInFrontOfIt) {
  for (const Attack& attack : attacks()) {
    SCOPED_TRACE(attack.name);
    ServedConnection served({}, GetParam());
    served.send("POST /first HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nok" + attack.bytes + kSmuggled);
    EXPECT_THAT(served.statuses(), ElementsAre(200, attack.status));
    EXPECT_NE(served.received.find("POST /first ok"), std::string::npos);
    std::vector<std::string> expected = {"POST /first ok"};
    expected.insert(expected.end(), attack.seen.begin(), attack.seen.end());
    EXPECT_THAT(served.handler.seen, ElementsAreArray(expected));
    EXPECT_EQ(served.end, ServedConnection::End::kClosed);
  }
}

INSTANTIATE_TEST_SUITE_P(HoweverItArrives, AttackTest, ::testing::Values(SIZE_MAX, 1, 2, 7),
                         [](const auto& instance) {
                           return instance.param == SIZE_MAX
                                      ? std::string("InOneRead")
                                      : "In" + std::to_string(instance.param) + "Bytes";
                         });

struct Harmless {
  const char* name;
  std::string bytes;
  std::vector<std::string> seen;
  bool closes = false;
};

TEST(ServerFraming, OddButLegalRequestsAreServedAndTheConnectionGoesOn) {
  for (const Harmless& c : std::vector<Harmless>{
           {"empty lines in front", "\r\n\r\n" + get("/a"), {"GET /a "}},
           {"a GET with a body", get("/a", "Content-Length: 3\r\n") + "abc", {"GET /a abc"}},
           {"leading zeros in a length", post("Content-Length: 003\r\n", "abc"), {"POST /x abc"}},
           {"a POST without a body", post("", ""), {"POST /x "}},
           {"spaces around a length", post("Content-Length: \t 3 \t\r\n", "abc"), {"POST /x abc"}},
           {"CHUNKED", post("TRANSFER-ENCODING: CHUNKED\r\n", "3\r\nabc\r\n0\r\n\r\n"), {"POST /x abc"}},
           {"chunk extensions and trailers",
            chunked("3;a=\"b\"\r\nabc\r\n0;z\r\nT: 1\r\n\r\n"),
            {"POST /x abc"}},
           {"a body that looks like a request",
            post("Content-Length: 35\r\n", kSmuggled),
            {"POST /x " + kSmuggled}},
           {"upgrade to h2c",
            get("/a",
                "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
                "HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n"),
            {"GET /a "}},
           {"upgrade to websocket, then a request",
            get("/a", "Connection: Upgrade\r\nUpgrade: websocket\r\n") + get("/b"),
            {"GET /a ", "GET /b "}},
           {"OPTIONS *", "OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n", {"OPTIONS * "}},
           {"100 Continue that nobody waits for",
            post("Content-Length: 3\r\nExpect: 100-Continue\r\n", "abc"),
            {"POST /x abc"}},
           {"a connection that says it closes", get("/a", "Connection: close\r\n"), {"GET /a "}, true},
           {"close among other options", get("/a", "Connection: x,\tCLOSE\r\n"), {"GET /a "}, true},
           {"HTTP/1.0", "GET /a HTTP/1.0\r\n\r\n", {"GET /a "}, true},
           {"HTTP/1.0 that keeps alive", "GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", {"GET /a "}},
           {"HTTP/1.0 that keeps alive and closes",
            "GET /a HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n",
            {"GET /a "},
            true},
       }) {
    for (const std::size_t read_limit : {SIZE_MAX, std::size_t{1}}) {
      SCOPED_TRACE(c.name);
      ServedConnection served({}, read_limit);
      served.send(c.bytes);
      EXPECT_THAT(served.handler.seen, ElementsAreArray(c.seen));
      for (const int status : served.statuses())
        EXPECT_EQ(status / 100 == 1 ? 200 : status, 200);
      EXPECT_EQ(served.end, c.closes ? ServedConnection::End::kClosed : ServedConnection::End::kOpen);
      if (c.closes) continue;
      served.send(get("/after"));
      EXPECT_EQ(served.handler.seen.back(), "GET /after ");
    }
  }
}

TEST(ServerFraming, TheHandlerSeesNoFieldOfOneConnectionAndNoFraming) {
  ServedConnection served;
  served.send(
      "POST http://real.example/x HTTP/1.1\r\nHost: decoy.example\r\nConnection: keep-alive, X-Hop, Host, "
      "Content-Length\r\nX-Hop: 1\r\nKeep-Alive: 5\r\nTE: trailers\r\nUpgrade: h2c\r\nContent-Length: 2\r\n"
      "Expect: 100-continue\r\nProxy-Connection: x\r\nX-Kept: 1\r\n\r\nok");
  EXPECT_THAT(served.handler.headers, ElementsAre("host: real.example\r\nX-Kept: 1\r\n"));
  EXPECT_THAT(served.handler.seen, ElementsAre("POST /x ok"));
}

TEST(ServerFraming, TrailersAreKeptApartFromTheHead) {
  ServedConnection served;
  served.send(chunked("3\r\nabc\r\n0\r\nX-Sum: 1\r\nAuthorization: Bearer x\r\n\r\n"));
  EXPECT_THAT(served.handler.headers, ElementsAre("host: h\r\n"));
  EXPECT_THAT(served.handler.trailers, ElementsAre("X-Sum: 1\r\n"));
}

}  // namespace
}  // namespace sluice::http1
