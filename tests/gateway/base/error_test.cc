#include "gateway/base/error.h"

#include <gtest/gtest.h>

#include <set>

#include "gateway/base/result.h"

namespace sluice {
namespace {

TEST(Error, EveryKindHasADistinctNameAndAnErrorStatus) {
  std::set<std::string_view> names;
  for (int i = 0; i < kErrorKindCount; ++i) {
    const ErrorTraits& t = traits(static_cast<ErrorKind>(i));
    EXPECT_TRUE(names.insert(t.name).second) << t.name;
    EXPECT_GE(t.status, 400) << t.name;
    EXPECT_LT(t.status, 600) << t.name;
    EXPECT_FALSE(t.type.empty()) << t.name;
  }
}

TEST(Error, AClientsFaultIsNeverAServerStatus) {
  for (int i = 0; i < kErrorKindCount; ++i) {
    const ErrorTraits& t = traits(static_cast<ErrorKind>(i));
    if (t.fault == Fault::kDownstream && t.status >= 500) {
      // RFC 9110 15.6.2 and 15.6.6 put these two in the 5xx class although the client asked for them.
      EXPECT_TRUE(t.status == 501 || t.status == 505) << t.name;
    }
  }
}

TEST(Error, FailCarriesKindDetailAndRetryRule) {
  Result<int> r = fail(ErrorKind::kUpstreamReset, "closed before the head", Retriable::kReused);
  ASSERT_FALSE(r.has_value());
  EXPECT_EQ(r.error().kind, ErrorKind::kUpstreamReset);
  EXPECT_EQ(r.error().fault(), Fault::kUpstream);
  EXPECT_EQ(r.error().retriable, Retriable::kReused);
}

}  // namespace
}  // namespace sluice
