#include "gateway/http/target.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace sluice {
namespace {

using namespace std::string_view_literals;

struct Accepted {
  std::string_view raw;
  std::string_view authority;
  std::string_view path;
  std::string_view query;
};

TEST(Target, WhatIsAcceptedBecomesCanonical) {
  for (const Accepted& c : {
           Accepted{"/", "", "/", ""},
           {"/v1/chat/completions", "", "/v1/chat/completions", ""},
           {"/a/", "", "/a/", ""},
           {"/a?", "", "/a", "?"},
           {"/a?b=c&d=%2f%zz", "", "/a", "?b=c&d=%2f%zz"},
           {"/a?x?y", "", "/a", "?x?y"},
           {"/a?//../.", "", "/a", "?//../."},
           {"/%61%2d%2E%5f%7eb", "", "/a-._~b", ""},
           {"/%41%5A%7a", "", "/AZz", ""},
           {"/a%20b", "", "/a%20b", ""},
           {"/a%c3%a9", "", "/a%C3%A9", ""},
           {"/%25", "", "/%25", ""},
           {"/%252e%252e/x", "", "/%252e%252e/x", ""},
           {"/%252f", "", "/%252f", ""},
           {"/a%3fb", "", "/a%3Fb", ""},
           {"/a%23b", "", "/a%23b", ""},
           {"/a%0d%0ab", "", "/a%0D%0Ab", ""},
           {"/.well-known/x", "", "/.well-known/x", ""},
           {"/...", "", "/...", ""},
           {"/..a/b..", "", "/..a/b..", ""},
           {"/a;p=1/b", "", "/a;p=1/b", ""},
           {"/;x", "", "/;x", ""},
           {"/a:b@c", "", "/a:b@c", ""},
           {"/a'b(c)*+,=!$&", "", "/a'b(c)*+,=!$&", ""},
           {"*", "", "*", ""},
           {"http://example.org", "example.org", "/", ""},
           {"http://example.org?q", "example.org", "/", "?q"},
           {"http://example.org/", "example.org", "/", ""},
           {"https://example.org:8443/a?b", "example.org:8443", "/a", "?b"},
           {"HTTP://example.org/a", "example.org", "/a", ""},
           {"http://[::1]:80/a", "[::1]:80", "/a", ""},
       }) {
    std::string rewritten;
    const auto target = parse_target(c.raw, rewritten);
    ASSERT_TRUE(target.has_value()) << c.raw << ": " << target.error().detail();
    EXPECT_EQ(target->authority, c.authority) << c.raw;
    EXPECT_EQ(target->path, c.path) << c.raw;
    EXPECT_EQ(target->query, c.query) << c.raw;
  }
}

TEST(Target, ACanonicalPathIsItsOwnCanonicalForm) {
  for (const auto raw : {"/%61/%2D%c3%A9;x/%25%41"sv, "/"sv, "/%7e%7E"sv}) {
    std::string rewritten;
    const auto once = parse_target(raw, rewritten);
    ASSERT_TRUE(once.has_value());
    std::string rewritten_again;
    const auto twice = parse_target(once->path, rewritten_again);
    ASSERT_TRUE(twice.has_value());
    EXPECT_EQ(twice->path, once->path);
  }
}

TEST(Target, WhatHasNoSingleMeaningIsRefused) {
  for (const std::string_view raw : {
           ""sv,
           "?q"sv,
           "a"sv,
           "a/b"sv,
           "**"sv,
           "*?"sv,
           "example.org:443"sv,
           // Dot segments in every disguise.
           "/."sv,
           "/.."sv,
           "/./a"sv,
           "/a/.."sv,
           "/a/../b"sv,
           "/a/./b"sv,
           "/%2e"sv,
           "/%2E%2e/b"sv,
           "/.%2e/b"sv,
           "/%2e./b"sv,
           "/..;/b"sv,
           "/..;x=y/b"sv,
           "/%2e%2e;x/b"sv,
           "/.;"sv,
           "/..%3b/b"sv,
           "/.%2e%3Bx/b"sv,
           "/.%3B"sv,
           // Empty segments.
           "//"sv,
           "//a"sv,
           "/a//b"sv,
           "/a//"sv,
           // Separators that some decode.
           "/a%2fb"sv,
           "/a%2Fb"sv,
           "/a%5cb"sv,
           "/a\\b"sv,
           "/..\\b"sv,
           "/a%00"sv,
           // Escapes.
           "/%"sv,
           "/%4"sv,
           "/%zz"sv,
           "/%4z"sv,
           "/%%41"sv,
           "/a%u0041"sv,
           // Characters.
           "/a#b"sv,
           "/#"sv,
           "/a?b#c"sv,
           "/a b"sv,
           "/a\tb"sv,
           "/a\rb"sv,
           "/a\nb"sv,
           "/a\0b"sv,
           "/a\x7f"sv,
           "/\xc3\xa9"sv,
           "/a?\xff"sv,
           "/a?b\\c"sv,
           // Absolute forms.
           "http://"sv,
           "http:///a"sv,
           "http://?q"sv,
           "http://user@example.org/"sv,
           "http://a:b@example.org/"sv,
           "http://exa mple/"sv,
           "http://h:80:80/"sv,
           "ftp://example.org/"sv,
           "javascript://x/"sv,
           "http:/a"sv,
           "://a/"sv,
           "http://h/../x"sv,
           "http://h/http://x"sv,
       }) {
    std::string rewritten;
    const auto target = parse_target(raw, rewritten);
    EXPECT_FALSE(target.has_value()) << raw << " became " << (target ? target->path : "");
    if (!target) {
      EXPECT_EQ(target.error().kind, ErrorKind::kMalformedRequest) << raw;
    }
  }
}

TEST(Target, AnAuthorityIsAHostWithAnOptionalPort) {
  for (const auto text : {"h"sv, "example.org"sv, "example.org:80"sv, "h:"sv, "h:65535"sv, "127.0.0.1:1"sv,
                          "[::1]"sv, "[::]"sv, "[::1]:8080"sv, "[::ffff:1.2.3.4]"sv, "a_b-c~d.e"sv}) {
    EXPECT_TRUE(is_valid_authority(text)) << text;
  }
  for (const auto text :
       {""sv,        ":"sv,      ":80"sv,          "h:80a"sv, "h:-1"sv,      "h:+1"sv, "h:123456"sv,
        "h:80:80"sv, "a b"sv,    "a,b"sv,          "a/b"sv,   "a@b"sv,       "a%41"sv, "a\\b"sv,
        "a?b"sv,     "a#b"sv,    "[::1"sv,         "::1"sv,   "[]"sv,        "[:]"sv,  "[::1]x"sv,
        "[::1]80"sv, "[g::1]"sv, "[::1%25eth0]"sv, "h\0"sv,   "h\xc3\xa9"sv, "\"h\""sv}) {
    EXPECT_FALSE(is_valid_authority(text)) << text;
  }
}

}  // namespace
}  // namespace sluice
