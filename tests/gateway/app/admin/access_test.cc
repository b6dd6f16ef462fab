#include "gateway/app/admin/access.h"

#include <gtest/gtest.h>

#include "gateway/app/admin/stream_filter.h"

namespace sluice {
namespace {

constexpr AdminRoute kHealth{Method::kGet, "/live", true, "", nullptr};
constexpr AdminRoute kRead{Method::kGet, "/status", false, "", nullptr};
constexpr AdminRoute kAsk{Method::kPost, "/diff", false, "", nullptr};
constexpr AdminRoute kChange{Method::kPost, "/drain", false, "drain", nullptr};

AdminCaller from(std::string_view peer, std::string_view authorization = {}) {
  return {.peer = peer, .authorization = authorization, .authority = "127.0.0.1:9901"};
}

TEST(AdminAccess, WithoutATokenAnybodyReadsAndThisMachineChanges) {
  const AdminAccess access(std::nullopt);
  for (const char* peer : {"127.0.0.1:5", "127.8.8.8:5", "[::1]:5"})
    EXPECT_EQ(access.check(kChange, from(peer)), AdminVerdict::kAllowed) << peer;
  for (const char* peer : {"10.0.0.1:5", "[2001:db8::1]:5", "127.example.org:5x", ""}) {
    EXPECT_EQ(access.check(kChange, from(peer)), AdminVerdict::kNotLocal) << peer;
    EXPECT_EQ(access.check(kRead, from(peer)), AdminVerdict::kAllowed) << peer;
    EXPECT_EQ(access.check(kAsk, from(peer)), AdminVerdict::kAllowed) << peer;
  }
}

TEST(AdminAccess, WithoutATokenThisMachineIsAskedUnderItsOwnNameOnly) {
  const AdminAccess open(std::nullopt);
  const AdminAccess guarded(Secret("right"));
  AdminCaller caller = from("127.0.0.1:5", "Bearer right");
  for (const char* own : {"localhost", "LocalHost:9901", "127.0.0.1", "10.1.2.3:9901", "[::1]:9901"}) {
    caller.authority = own;
    EXPECT_EQ(open.check(kRead, caller), AdminVerdict::kAllowed) << own;
    EXPECT_EQ(open.check(kChange, caller), AdminVerdict::kAllowed) << own;
  }
  for (const char* foreign :
       {"rebound.example", "rebound.example:9901", "127.0.0.1.example", "", "localhost.example"}) {
    caller.authority = foreign;
    EXPECT_EQ(open.check(kRead, caller), AdminVerdict::kOtherHost) << foreign;
    EXPECT_EQ(open.check(kChange, caller), AdminVerdict::kOtherHost) << foreign;
    EXPECT_EQ(open.check(kHealth, caller), AdminVerdict::kAllowed) << foreign;
    EXPECT_EQ(guarded.check(kRead, caller), AdminVerdict::kAllowed) << foreign;
  }
}

TEST(AdminAccess, WithATokenOnlyHealthIsOpen) {
  const AdminAccess access(Secret("right"));
  EXPECT_EQ(access.check(kHealth, from("10.0.0.1:5")), AdminVerdict::kAllowed);
  for (const AdminRoute& route : {kRead, kAsk, kChange}) {
    EXPECT_EQ(access.check(route, from("127.0.0.1:5")), AdminVerdict::kNoToken);
    EXPECT_EQ(access.check(route, from("127.0.0.1:5", "Bearer wrong")), AdminVerdict::kNoToken);
    EXPECT_EQ(access.check(route, from("127.0.0.1:5", "right")), AdminVerdict::kNoToken);
    EXPECT_EQ(access.check(route, from("10.0.0.1:5", "Bearer right")), AdminVerdict::kAllowed);
    EXPECT_EQ(access.check(route, from("10.0.0.1:5", "bEARER right")), AdminVerdict::kAllowed);
  }
}

TEST(AdminAccess, TheUnixSocketAsksForNothing) {
  const AdminAccess access(Secret("right"));
  EXPECT_EQ(access.check(kChange, {.unix_socket = true, .peer = "unix", .authorization = {}}),
            AdminVerdict::kAllowed);
}

TEST(AdminAccess, ARequestOfABrowsersPageChangesNothingWhateverItShows) {
  for (bool unix_socket : {false, true}) {
    const AdminAccess access(Secret("right"));
    const AdminCaller caller{.unix_socket = unix_socket,
                             .peer = "127.0.0.1:5",
                             .authorization = "Bearer right",
                             .has_origin = true};
    EXPECT_EQ(access.check(kChange, caller), AdminVerdict::kCrossSite);
    EXPECT_EQ(access.check(kAsk, caller), AdminVerdict::kCrossSite);
    EXPECT_EQ(access.check(kRead, caller), AdminVerdict::kAllowed);
  }
}

TEST(AdminRouter, FindsTheSubjectOfAPathAndTheMethodsOfAPage) {
  EXPECT_EQ(match_admin_route(Method::kPost, "/streams/abc/kill").subject, "abc");
  EXPECT_EQ(match_admin_route(Method::kHead, "/status").route->path, "/status");
  EXPECT_EQ(match_admin_route(Method::kGet, "/drain").allow, "POST");
  EXPECT_EQ(match_admin_route(Method::kDelete, "/log-level").allow, "GET, PUT");
  for (const char* path :
       {"/streams//kill", "/streams/a/b/kill", "/streams/kill", "/status/", "/nowhere", "*"}) {
    const AdminMatch match = match_admin_route(Method::kPost, path);
    EXPECT_TRUE(match.route == nullptr && match.allow.empty()) << path;
  }
}

TEST(AdminRouter, DecodesAQuerysValues) {
  EXPECT_EQ(query_value("?a=1&b=x%20y%2Fz+w&c", "b"), "x y/z w");
  EXPECT_EQ(query_value("?a=1&b=%zz%4", "b"), "%zz%4");
  EXPECT_EQ(query_value("?ab=1", "a"), "");
  EXPECT_EQ(query_value("?a&a=2", "a"), "2");
  EXPECT_EQ(query_value("", "a"), "");
}

TEST(StreamFilter, HoldsWhereEveryConditionDoes) {
  StreamSnapshot stream{};
  stream.cluster = "c";
  stream.route = "r";
  stream.model = "m/1";
  stream.state = "streaming";
  stream.age_seconds = 30;
  for (const char* query :
       {"", "?", "?cluster=c", "?route=r&model=m%2F1", "?state=streaming&min_age=30s", "?cluster="})
    EXPECT_TRUE(StreamFilter::parse(query)->matches(stream)) << query;
  for (const char* query : {"?cluster=d", "?cluster=c&route=s", "?model=m", "?state=waiting", "?min_age=31s"})
    EXPECT_FALSE(StreamFilter::parse(query)->matches(stream)) << query;
}

TEST(StreamFilter, RefusesWhatItDoesNotKnow) {
  for (const char* query : {"?colour=red", "?min_age=soon", "?min_age=5"})
    EXPECT_FALSE(StreamFilter::parse(query)) << query;
}

}  // namespace
}  // namespace sluice
