#include "gateway/http/http1/framing.h"

#include <gtest/gtest.h>

#include <string_view>
#include <utility>
#include <vector>

namespace sluice::http1 {
namespace {

using Fields = std::vector<std::pair<std::string_view, std::string_view>>;
using Kind = Framing::Kind;

Headers headers_of(const Fields& fields) {
  Headers h;
  for (const auto& [name, value] : fields)
    h.add(name, value);
  return h;
}

struct Case {
  Fields fields;
  bool is_http10;
  Kind kind;
  std::uint64_t length = 0;
};

struct BadCase {
  Fields fields;
  bool is_http10 = false;
  ErrorKind error = ErrorKind::kMalformedRequest;
};

TEST(RequestFraming, TheBodyEndsWhereRfc9112Says) {
  for (const Case& c : {
           Case{{}, false, Kind::kNone},
           {{}, true, Kind::kNone},
           {{{"Content-Length", "0"}}, false, Kind::kLength, 0},
           {{{"content-length", "5"}}, false, Kind::kLength, 5},
           {{{"CONTENT-LENGTH", "5"}}, true, Kind::kLength, 5},
           {{{"Content-Length", "007"}}, false, Kind::kLength, 7},
           {{{"Content-Length", "9999999999999999999"}}, false, Kind::kLength, 9'999'999'999'999'999'999u},
           {{{"Transfer-Encoding", "chunked"}}, false, Kind::kChunked},
           {{{"transfer-encoding", "CHUNKED"}}, false, Kind::kChunked},
       }) {
    const auto framing = request_framing(headers_of(c.fields), c.is_http10);
    ASSERT_TRUE(framing.has_value());
    EXPECT_EQ(framing->kind, c.kind);
    EXPECT_EQ(framing->length, c.length);
  }
}

TEST(RequestFraming, WhatTwoParsersCouldReadDifferentlyIsRefused) {
  constexpr ErrorKind kUnknownCoding = ErrorKind::kNotImplemented;
  for (const BadCase& c : {
           BadCase{{{"Content-Length", "5"}, {"Transfer-Encoding", "chunked"}}},
           {{{"Transfer-Encoding", "chunked"}, {"Content-Length", "5"}}},
           {{{"Transfer-Encoding", "identity"}, {"Content-Length", "5"}}},
           {{{"Transfer-Encoding", "chunked"}, {"Transfer-Encoding", "chunked"}}},
           {{{"Transfer-Encoding", "chunked"}, {"Transfer-Encoding", "identity"}}},
           {{{"Transfer-Encoding", "chunked"}}, true},
           {{{"Transfer-Encoding", "chunked, chunked"}}, false, kUnknownCoding},
           {{{"Transfer-Encoding", "gzip, chunked"}}, false, kUnknownCoding},
           {{{"Transfer-Encoding", "chunked, gzip"}}, false, kUnknownCoding},
           {{{"Transfer-Encoding", "identity"}}, false, kUnknownCoding},
           {{{"Transfer-Encoding", "xchunked"}}, false, kUnknownCoding},
           {{{"Transfer-Encoding", "chunkedx"}}, false, kUnknownCoding},
           {{{"Transfer-Encoding", "chunked;q=1"}}, false, kUnknownCoding},
           {{{"Transfer-Encoding", "\"chunked\""}}, false, kUnknownCoding},
           {{{"Transfer-Encoding", "chunked,"}}, false, kUnknownCoding},
           {{{"Transfer-Encoding", ",chunked"}}, false, kUnknownCoding},
           {{{"Transfer-Encoding", ""}}, false, kUnknownCoding},
           {{{"Content-Length", "5"}, {"Content-Length", "5"}}},
           {{{"Content-Length", "5"}, {"Content-Length", "6"}}},
           {{{"Content-Length", "5, 5"}}},
           {{{"Content-Length", ""}}},
           {{{"Content-Length", "+5"}}},
           {{{"Content-Length", "-5"}}},
           {{{"Content-Length", "5 "}}},
           {{{"Content-Length", "5 6"}}},
           {{{"Content-Length", "0x5"}}},
           {{{"Content-Length", "5a"}}},
           {{{"Content-Length", "5."}}},
           {{{"Content-Length", "1e3"}}},
           {{{"Content-Length", "\xd9\xa5"}}},              // ARABIC-INDIC DIGIT FIVE
           {{{"Content-Length", "18446744073709551616"}}},  // 2^64
           {{{"Content-Length", "99999999999999999999999"}}},
           {{{"Content-Length", "00000000000000000005"}}},
       }) {
    const auto framing = request_framing(headers_of(c.fields), c.is_http10);
    ASSERT_FALSE(framing.has_value()) << c.fields[0].first << ": " << c.fields[0].second;
    EXPECT_EQ(framing.error().kind, c.error) << c.fields[0].second;
    // The same of a backend is its fault, whatever its status.
    for (const int status : {200, 204, 304}) {
      const auto answer = response_framing(headers_of(c.fields), status, false, c.is_http10);
      ASSERT_FALSE(answer.has_value());
      EXPECT_EQ(answer.error().kind, ErrorKind::kUpstreamMalformed);
    }
  }
}

TEST(ResponseFraming, TheBodyEndsWhereRfc9112Says) {
  const Headers none;
  const Headers length = headers_of({{"content-length", "12"}});
  const Headers chunked = headers_of({{"transfer-encoding", "chunked"}});
  EXPECT_EQ(response_framing(none, 200, false, false)->kind, Kind::kUntilClose);
  EXPECT_EQ(response_framing(none, 200, false, true)->kind, Kind::kUntilClose);
  EXPECT_EQ(response_framing(length, 200, false, false)->kind, Kind::kLength);
  EXPECT_EQ(response_framing(length, 200, false, false)->length, 12u);
  EXPECT_EQ(response_framing(chunked, 200, false, false)->kind, Kind::kChunked);
  for (const Headers* h : {&none, &length, &chunked}) {
    EXPECT_EQ(response_framing(*h, 200, true, false)->kind, Kind::kNone) << "to HEAD";
    EXPECT_EQ(response_framing(*h, 204, false, false)->kind, Kind::kNone);
    EXPECT_EQ(response_framing(*h, 304, false, false)->kind, Kind::kNone);
  }
  // What a GET would have sent is kept for the client.
  EXPECT_EQ(response_framing(length, 200, true, false)->length, 12u);
}

}  // namespace
}  // namespace sluice::http1
