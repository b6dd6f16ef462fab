#include "backends/cluster/hash_key.h"

#include <gtest/gtest.h>

#include <vector>

namespace sluice {
namespace {

using Kind = HashSource::Kind;

Request request_with(std::string_view name, std::string_view value) {
  Request request;
  request.upstream_head.headers.add(name, value);
  return request;
}

Request request_with_member(std::string_view name, std::string_view value) {
  Request request;
  request.view.emplace();
  request.view->members.push_back(
      {.name = std::string(name), .text = llm::JsonText(value), .is_scalar = true});
  return request;
}

std::optional<std::uint64_t> key(const std::vector<HashSource>& sources, const Request& request,
                                 std::string_view client = "10.0.0.1:4000") {
  return hash_key(sources, request, client);
}

TEST(HashKeyTest, EqualValuesHaveEqualKeysWhateverTheySource) {
  const auto by_header = key({{Kind::kHeader, "x-session"}}, request_with("X-Session", "abc"));
  ASSERT_TRUE(by_header);
  EXPECT_EQ(by_header, key({{Kind::kCookie, "session"}}, request_with("cookie", "a=1; session=abc; b=2")));
  EXPECT_EQ(by_header, key({{Kind::kMember, "session"}}, request_with_member("session", "abc")));
  EXPECT_NE(by_header, key({{Kind::kHeader, "x-session"}}, request_with("x-session", "abd")));
}

TEST(HashKeyTest, TheFirstSourceThatTheRequestHasCounts) {
  const std::vector<HashSource> sources{
      {Kind::kHeader, "x-session"}, {Kind::kMember, "user"}, {Kind::kAddress}};
  const auto by_address = key({{Kind::kAddress}}, Request());
  EXPECT_EQ(key(sources, Request()), by_address);
  Request both = request_with("x-session", "s");
  both.view.emplace();
  both.view->user = llm::JsonText("u");
  EXPECT_EQ(key(sources, both), key({{Kind::kHeader, "x-session"}}, both));
  both.upstream_head.headers.remove("x-session");
  EXPECT_EQ(key(sources, both), key({{Kind::kMember, "user"}}, both));
  EXPECT_NE(key(sources, both), by_address);
}

TEST(HashKeyTest, ARequestWithoutAnySourceHasNoKey) {
  EXPECT_FALSE(key({{Kind::kHeader, "x-session"}}, request_with("x-other", "abc")));
  EXPECT_FALSE(key({{Kind::kHeader, "x-session"}}, request_with("x-session", "")));
  EXPECT_FALSE(
      key({{Kind::kCookie, "session"}}, request_with("cookie", "my-session=abc; sessions=1; session=")));
  EXPECT_FALSE(key({{Kind::kMember, "session"}}, request_with_member("other", "abc")));
  EXPECT_FALSE(key({{Kind::kMember, "session"}}, Request()));
  EXPECT_FALSE(key({}, Request()));
}

TEST(HashKeyTest, AnAddressCountsWithoutItsPort) {
  const std::vector<HashSource> sources{{Kind::kAddress}};
  EXPECT_EQ(key(sources, Request(), "10.0.0.1:4000"), key(sources, Request(), "10.0.0.1:5000"));
  EXPECT_EQ(key(sources, Request(), "10.0.0.1:4000"), key(sources, Request(), "10.0.0.1"));
  EXPECT_EQ(key(sources, Request(), "[2001:db8::1]:4000"), key(sources, Request(), "[2001:db8::1]:1"));
  EXPECT_NE(key(sources, Request(), "2001:db8::1"), key(sources, Request(), "2001:db8::2"));
  EXPECT_NE(key(sources, Request(), "10.0.0.1:4000"), key(sources, Request(), "10.0.0.2:4000"));
}

}  // namespace
}  // namespace sluice
