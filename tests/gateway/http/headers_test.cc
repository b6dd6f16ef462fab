#include "gateway/http/headers.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>

#include "gateway/http/head.h"

namespace sluice {
namespace {

std::string printed(const Headers& headers) {
  std::string out;
  headers.append_to(out);
  return out;
}

TEST(Headers, FieldsKeepTheirOrderAndTheCaseOfTheirNames) {
  Headers h;
  h.add("X-First", "1");
  h.add(HeaderId::kContentType, "text/plain");
  h.add("x-first", "2");
  EXPECT_EQ(printed(h), "X-First: 1\r\ncontent-type: text/plain\r\nx-first: 2\r\n");
  EXPECT_EQ(h.size(), 3u);
  EXPECT_EQ(h[1].id, HeaderId::kContentType);
}

TEST(Headers, LookUpsIgnoreCaseAndYieldTheFirstOfSeveral) {
  Headers h;
  h.add("Set-Cookie", "a=1");
  h.add("set-cookie", "b=2");
  h.add("X-Other", "o");
  EXPECT_EQ(h.get(HeaderId::kSetCookie), "a=1");
  EXPECT_EQ(h.get("SET-COOKIE"), "a=1");
  EXPECT_EQ(h.get("x-OTHER"), "o");
  EXPECT_EQ(h.count(HeaderId::kSetCookie), 2u);
  EXPECT_FALSE(h.has(HeaderId::kHost));
  EXPECT_EQ(h.get("absent"), "");
}

TEST(Headers, AnEmptyValueIsToldApartFromAnAbsentField) {
  Headers h;
  h.add("Accept", "");
  EXPECT_TRUE(h.has(HeaderId::kAccept));
  EXPECT_EQ(h.get(HeaderId::kAccept), "");
  EXPECT_EQ(printed(h), "Accept: \r\n");
}

TEST(Headers, LinesThatLieTogetherArePrintedAsTheyStandAndOthersAreMadeLines) {
  const std::string_view block = "A: 1\r\nB:2\r\nC:  3 \r\nD: 4\r\nE: 5\r\n\r\n";
  Headers h;
  // The ranges of a parser: without the white space around values.
  h.add_range({0, 1}, {3, 1}, HeaderId::kOther);
  h.add_range({6, 1}, {8, 1}, HeaderId::kOther);
  h.add_range({11, 1}, {15, 1}, HeaderId::kOther);
  h.add_range({19, 1}, {22, 1}, HeaderId::kOther);
  h.add_range({25, 1}, {28, 1}, HeaderId::kOther);
  h.assign_block(block, 0);
  EXPECT_EQ(printed(h), "A: 1\r\nB: 2\r\nC: 3\r\nD: 4\r\nE: 5\r\n");
  h.remove("d");
  h.add("f", "6");
  EXPECT_EQ(printed(h), "A: 1\r\nB: 2\r\nC: 3\r\nE: 5\r\nf: 6\r\n");
  const Headers copy = h.copy(4, 64);
  h.set("A", "7");
  EXPECT_EQ(printed(copy), "A: 1\r\nB: 2\r\nC: 3\r\nE: 5\r\nf: 6\r\n");
}

TEST(Headers, AValueAtTheVeryEndOfItsBlockIsALineLikeAnyOther) {
  Headers h;
  const ByteRange name = h.append_text("a");
  h.append_text(": ");
  const ByteRange value = h.append_text("1");
  h.add_range(name, value, HeaderId::kOther);
  EXPECT_EQ(printed(h), "a: 1\r\n");
}

TEST(Headers, WhatIsThereIsKnownThroughEveryChange) {
  Headers h;
  constexpr std::uint64_t kBoth = Headers::mask({HeaderId::kVia, HeaderId::kDate});
  EXPECT_FALSE(h.may_have_any(kBoth));
  h.add("Via", "x");
  EXPECT_TRUE(h.may_have_any(kBoth));
  EXPECT_TRUE(h.has(HeaderId::kVia));
  h.remove_if([](const Headers::Field& field) { return field.id == HeaderId::kVia; });
  EXPECT_FALSE(h.has(HeaderId::kVia));
  EXPECT_EQ(h.get(HeaderId::kVia), "");
  h.add(HeaderId::kVia, "y");
  h.remove("via");
  EXPECT_FALSE(h.has(HeaderId::kVia));
  h.set(HeaderId::kVia, "z");
  h.add("x-other", "1");
  h.remove(HeaderId::kOther);
  EXPECT_EQ(printed(h), "via: z\r\n");
  h.add("x-other", "2");
  EXPECT_TRUE(h.has(HeaderId::kOther));
}

TEST(Headers, SetReplacesEveryFieldOfTheName) {
  Headers h;
  h.add("via", "a");
  h.add("x-keep", "k");
  h.add("Via", "b");
  h.set(HeaderId::kVia, "c");
  EXPECT_EQ(printed(h), "x-keep: k\r\nvia: c\r\n");
  h.set("X-KEEP", "n");
  EXPECT_EQ(printed(h), "via: c\r\nX-KEEP: n\r\n");
}

TEST(Headers, RemoveTakesEveryFieldOfTheNameAndNoOther) {
  Headers h;
  h.add("a", "1");
  h.add("te", "x");
  h.add("A", "2");
  h.add("ab", "3");
  h.remove("a");
  h.remove(HeaderId::kTe);
  EXPECT_EQ(printed(h), "ab: 3\r\n");
  h.remove_if([](const Headers::Field& f) { return f.value == "3"; });
  EXPECT_TRUE(h.empty());
}

TEST(Headers, BytesCountsNamesAndValues) {
  Headers h;
  EXPECT_EQ(h.bytes(), 0u);
  h.add("abc", "de");
  h.add("f", "");
  EXPECT_EQ(h.bytes(), 6u);
}

TEST(Headers, ARequestHeadSurvivesBeingMovedAndCopied) {
  RequestHead head;
  head.set_authority("example.org");
  head.set_target("/v1/models", "?a=b");
  head.headers.add("x", "y");
  RequestHead moved = std::move(head);
  const RequestHead copied = moved;
  moved.set_target("/other", "");
  EXPECT_EQ(copied.authority(), "example.org");
  EXPECT_EQ(copied.path(), "/v1/models");
  EXPECT_EQ(copied.query(), "?a=b");
  EXPECT_EQ(copied.headers.get("x"), "y");
  EXPECT_EQ(moved.path(), "/other");
  EXPECT_EQ(moved.query(), "");
  EXPECT_EQ(moved.authority(), "example.org");
}

TEST(Head, MethodsAreCaseSensitiveAndAClosedList) {
  for (const char* text : {"GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"}) {
    ASSERT_TRUE(parse_method(text).has_value()) << text;
    EXPECT_EQ(name(*parse_method(text)), text);
  }
  for (const char* text : {"get", "Post", "", "GETT", "GE", "CONNECT", "TRACE", "BREW"}) {
    EXPECT_FALSE(parse_method(text).has_value()) << text;
  }
}

TEST(Head, NoBodyFollows1xx204And304) {
  for (const int status : {100, 101, 103, 199, 204, 304})
    EXPECT_TRUE(status_has_no_body(status)) << status;
  for (const int status : {200, 201, 205, 206, 301, 400, 500})
    EXPECT_FALSE(status_has_no_body(status)) << status;
}

}  // namespace
}  // namespace sluice
