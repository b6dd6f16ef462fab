#include "gateway/http/http1/chunked_decoder.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

namespace sluice::http1 {
namespace {

using namespace std::string_view_literals;

struct Outcome {
  std::string content;
  std::size_t consumed = 0;
  bool finished = false;
  bool refused = false;
  std::string trailers;

  bool operator==(const Outcome&) const = default;
};

std::ostream& operator<<(std::ostream& out, const Outcome& o) {
  return out << '"' << o.content << "\" consumed " << o.consumed << (o.finished ? " finished" : "")
             << (o.refused ? " refused" : "") << " trailers " << o.trailers;
}

// Decodes the pieces that end at `cuts`, then the rest; what a piece leaves over is dropped, as it is only
// after the end.
Outcome decode(std::string_view bytes, const std::vector<std::size_t>& cuts = {}) {
  ChunkedDecoder decoder(ErrorKind::kMalformedRequest);
  Outcome out;
  std::vector<std::size_t> ends = cuts;
  ends.push_back(bytes.size());
  std::size_t begin = 0;
  for (const std::size_t end : ends) {
    std::string piece(bytes.substr(begin, end - begin));
    begin = end;
    const auto step = decoder.decode(piece.data(), piece.size());
    if (!step) {
      EXPECT_EQ(step.error().kind, ErrorKind::kMalformedRequest);
      out.refused = true;
      out.content.clear();  // how much came before the violation depends on the pieces
      return out;
    }
    out.content += step->content;
    out.consumed += step->consumed;
    out.finished = step->finished;
    if (!out.finished) {
      EXPECT_EQ(step->consumed, piece.size());
    }
  }
  if (out.finished) decoder.trailers().append_to(out.trailers);
  if (out.refused) out.consumed = 0;
  return out;
}

void expect_the_same_however_split(std::string_view bytes) {
  Outcome expected = decode(bytes);
  std::vector<std::size_t> each_byte;
  for (std::size_t i = 0; i < bytes.size(); ++i)
    each_byte.push_back(i);
  const auto comparable = [](Outcome o) {
    if (o.refused) o.consumed = 0;
    return o;
  };
  expected = comparable(expected);
  EXPECT_EQ(comparable(decode(bytes, each_byte)), expected) << bytes;
  for (std::size_t i = 0; i <= bytes.size(); ++i) {
    EXPECT_EQ(comparable(decode(bytes, {i})), expected) << "split at " << i << " of " << bytes;
    for (std::size_t j = i; j <= bytes.size() && bytes.size() < 60; ++j)
      EXPECT_EQ(comparable(decode(bytes, {i, j})), expected) << "split at " << i << "," << j << bytes;
  }
}

TEST(ChunkedDecoder, GoodBodiesAreTheSameHoweverTheyAreSplit) {
  struct Good {
    std::string_view bytes;
    std::string_view content;
    std::size_t left_over = 0;
    std::string_view trailers = "";
  };
  for (const Good& c : {
           Good{"0\r\n\r\n"sv, ""sv},
           {"000\r\n\r\n"sv, ""sv},
           {"3\r\nabc\r\n0\r\n\r\n"sv, "abc"sv},
           {"3\r\nabc\r\n0\r\n\r\nGET / HTTP/1.1\r\n"sv, "abc"sv, 16},
           {"1\r\na\r\n00002\r\nbc\r\nA\r\n0123456789\r\n0\r\n\r\n"sv, "abc0123456789"sv},
           {"a\r\n0123456789\r\n0\r\n\r\n"sv, "0123456789"sv},
           {"3;ext\r\nabc\r\n0;last=\"x\"\r\n\r\n"sv, "abc"sv},
           {"3 ;a=b;c\r\nabc\r\n0\r\n\r\n"sv, "abc"sv},
           {"3  \t\r\nabc\r\n0 \r\n\r\n"sv, "abc"sv},
           {"3;\r\nabc\r\n0;\r\n\r\n"sv, "abc"sv},
           {"4\r\n\r\n\r\n\r\n0\r\n\r\n"sv, "\r\n\r\n"sv},
           {"5\r\n0\r\n\r\n\r\n0\r\n\r\n"sv, "0\r\n\r\n"sv},
           {"0\r\nX-T: v\r\ny:  w \r\n\r\n"sv, ""sv, 0, "X-T: v\r\ny: w\r\n"sv},
           {"1\r\na\r\n0\r\nEmpty:\r\n\r\nx"sv, "a"sv, 1, "Empty: \r\n"sv},
       }) {
    const Outcome got = decode(c.bytes);
    EXPECT_TRUE(got.finished) << c.bytes;
    EXPECT_EQ(got.content, c.content);
    EXPECT_EQ(got.consumed, c.bytes.size() - c.left_over);
    EXPECT_EQ(got.trailers, c.trailers);
    expect_the_same_however_split(c.bytes);
  }
}

TEST(ChunkedDecoder, EveryViolationIsRefusedHoweverItIsSplit) {
  for (const std::string_view bytes : {
           // The size.
           "\r\n"sv,
           ";a\r\n"sv,
           "x\r\n"sv,
           "g\r\n"sv,
           "0x3\r\nabc\r\n"sv,
           "+3\r\nabc\r\n"sv,
           "-1\r\n"sv,
           " 3\r\nabc\r\n"sv,
           "\t3\r\n"sv,
           "3_\r\n"sv,
           "3h\r\nabc\r\n"sv,
           "3 4\r\nabc\r\n"sv,
           "3\t4\r\n"sv,
           "3,\r\n"sv,
           "\0"sv,
           "3\0\r\n"sv,
           "\xb3\r\n"sv,
           // Overflow: 16 digits and more, whatever their value.
           "ffffffffffffffff\r\n"sv,
           "10000000000000000\r\n"sv,
           "0000000000000003\r\nabc"sv,
           "fffffffffffffffffffff\r\n"sv,
           // Line ends.
           "3\nabc\r\n0\r\n\r\n"sv,
           "3\r\nabc\n0\r\n\r\n"sv,
           "3\rabc\r\n0\r\n\r\n"sv,
           "3\r\rabc"sv,
           "3;a\nabc\r\n0\r\n\r\n"sv,
           "3 \nabc\r\n"sv,
           "3;a\rb\r\nabc\r\n"sv,
           "3\r\nabc\r0\r\n\r\n"sv,
           "0\n\r\n"sv,
           "0\r\n\n"sv,
           "0\r\n\rX"sv,
           "3\r\nabc\r\r\n"sv,
           // Extensions.
           "3;a\0b\r\nabc"sv,
           "3;\x01\r\nabc"sv,
           "3;\x7f\r\n"sv,
           // Data that does not fit its size.
           "3\r\nabcd\r\n0\r\n\r\n"sv,
           "3\r\nab\r\n0\r\n\r\n"sv,
           "0\r\nabc\r\n"sv,
           "3\r\nabc0\r\n\r\n"sv,
           // Trailers.
           "0\r\nContent-Length: 5\r\n\r\n"sv,
           "0\r\ntransfer-encoding: chunked\r\n\r\n"sv,
           "0\r\nHOST: evil\r\n\r\n"sv,
           "0\r\nno colon\r\n\r\n"sv,
           "0\r\n: v\r\n\r\n"sv,
           "0\r\nA : v\r\n\r\n"sv,
           "0\r\n A: v\r\n\r\n"sv,
           "0\r\nA: v\r\n w\r\n\r\n"sv,
           "0\r\nA: v\n\r\n"sv,
           "0\r\nA: v\0\r\n\r\n"sv,
           "0\r\nA: v\rw\r\n\r\n"sv,
           "0\r\nGET / HTTP/1.1\r\n\r\n"sv,
       }) {
    EXPECT_TRUE(decode(bytes).refused) << bytes;
    expect_the_same_however_split(bytes);
  }
}

TEST(ChunkedDecoder, TheLargestSizeIsFifteenDigits) {
  EXPECT_FALSE(decode("fffffffffffffff\r\nabc").refused);
  EXPECT_FALSE(decode("000000000000003\r\nabc\r\n0\r\n\r\n").refused);
}

TEST(ChunkedDecoder, ExtensionsAreLimitedOverAllChunksOfAMessage) {
  const std::string half(ChunkedDecoder::kMaxExtensionBytes / 2, 'e');
  const std::string at_limit = "1;" + half + "\r\na\r\n0;" + half + "\r\n\r\n";
  EXPECT_TRUE(decode(at_limit).finished);
  EXPECT_TRUE(decode("1;" + half + "\r\na\r\n0;" + half + "e\r\n\r\n").refused);
  EXPECT_TRUE(decode("1" + std::string(ChunkedDecoder::kMaxExtensionBytes + 2, ' ')).refused);
}

TEST(ChunkedDecoder, TrailersAreLimitedInBytesAndNumber) {
  const std::string name = "x:";
  const std::string filler(ChunkedDecoder::kMaxTrailerBytes - name.size(), 'v');
  EXPECT_TRUE(decode("0\r\n" + name + filler + "\r\n\r\n").finished);
  EXPECT_TRUE(decode("0\r\n" + name + filler + "v\r\n\r\n").refused);
  std::string many = "0\r\n";
  for (std::size_t i = 0; i < ChunkedDecoder::kMaxTrailers; ++i)
    many += "a:\r\n";
  EXPECT_TRUE(decode(many + "\r\n").finished);
  EXPECT_TRUE(decode(many + "a:\r\n\r\n").refused);
}

TEST(ChunkedDecoder, TrailersThatMeanNothingAfterABodyAreDropped) {
  const Outcome got = decode(
      "0\r\nAuthorization: Bearer x\r\n"
      "Cookie: a\r\nSet-Cookie: a\r\nContent-Type: x\r\nContent-Encoding: gzip\r\nTE: x\r\nTrailer: y\r\n"
      "Connection: close\r\nKeep-Alive: 1\r\nUpgrade: h2c\r\nProxy-Authorization: x\r\nExpect: "
      "100-continue\r\n"
      "X-Forwarded-For: 1.2.3.4\r\nForwarded: for=x\r\nX-Real-IP: 1.2.3.4\r\nx-checksum: 7\r\n\r\n");
  EXPECT_TRUE(got.finished);
  EXPECT_EQ(got.trailers, "x-checksum: 7\r\n");
}

TEST(ChunkedDecoder, NothingIsReadAfterTheEnd) {
  ChunkedDecoder decoder(ErrorKind::kUpstreamMalformed);
  std::string end = "0\r\n\r\n";
  ASSERT_TRUE(decoder.decode(end.data(), end.size())->finished);
  std::string next = "garbage";
  const auto step = decoder.decode(next.data(), next.size());
  ASSERT_TRUE(step.has_value());
  EXPECT_EQ(step->consumed, 0u);
  EXPECT_TRUE(step->finished);
}

}  // namespace
}  // namespace sluice::http1
