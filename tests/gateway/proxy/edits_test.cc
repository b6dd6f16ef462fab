#include "gateway/proxy/edits.h"

#include <gtest/gtest.h>

namespace sluice {
namespace {

TEST(HeaderEditsTest, RemovesThenSetsThenAdds) {
  Headers headers;
  headers.add("X-A", "1");
  headers.add("x-a", "2");
  headers.add("x-b", "3");
  headers.add("x-c", "4");
  const HeaderEdits edits{.remove = {"x-a"}, .set = {{"X-B", "5"}}, .add = {{"x-c", "6"}, {"x-a", "7"}}};
  edits.apply(headers);
  std::string text;
  headers.append_to(text);
  EXPECT_EQ(headers.get("x-a"), "7");
  EXPECT_EQ(headers.get("x-b"), "5");
  EXPECT_EQ(headers.size(), 4u) << text;
}

TEST(QueryEditsTest, OtherParametersStayByteForByte) {
  const QueryEdits edits{.remove = {"key"}, .set = {{"v", "a b&c"}}};
  EXPECT_EQ(edits.apply("?a=%7e&key=1&b&%6bey=2&c=+"), "?a=%7e&b&c=+&v=a%20b%26c");
  EXPECT_EQ(edits.apply("?v=1&v=2"), "?v=a%20b%26c");
  EXPECT_EQ(edits.apply(""), "?v=a%20b%26c");
}

TEST(QueryEditsTest, AQueryOfWhichNothingIsLeftIsNone) {
  const QueryEdits edits{.remove = {"key"}};
  EXPECT_EQ(edits.apply("?key=1"), "");
  EXPECT_EQ(edits.apply(""), "");
  EXPECT_EQ(edits.apply("?a"), "?a");
}

TEST(PathRewriteTest, ReplacesThePrefixWithOneSlashAtTheCut) {
  const auto rewritten = [](std::string_view prefix, std::string_view by, std::string_view path) {
    return PathRewrite{prefix.size(), std::string(by)}.apply(path);
  };
  EXPECT_EQ(rewritten("/api", "/v1", "/api/chat"), "/v1/chat");
  EXPECT_EQ(rewritten("/api", "/", "/api/chat"), "/chat");
  EXPECT_EQ(rewritten("/api/", "/v1", "/api/chat"), "/v1/chat");
  EXPECT_EQ(rewritten("/api/", "/", "/api/chat"), "/chat");
  EXPECT_EQ(rewritten("/", "/v1/", "/chat"), "/v1/chat");
  EXPECT_EQ(rewritten("/api", "/v1", "/api"), "/v1");
  EXPECT_EQ(rewritten("/api", "/v", "/api2/chat"), "/v2/chat");
}

}  // namespace
}  // namespace sluice
