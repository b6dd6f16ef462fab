#include "gateway/base/error.h"

#include <gtest/gtest.h>

#include <set>
#include <utility>

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

// The frame of every coroutine has places for several.
static_assert(sizeof(Error) <= 16);

TEST(Error, KeepsItsTextsThroughCopiesAndMoves) {
  Error error(ErrorKind::kInvalidBody, "detail", Retriable::kAlways, "param");
  Error copy = error;
  copy.set_param("another");
  EXPECT_EQ(error.param(), "param") << "a copy's texts are its own";
  EXPECT_EQ(copy.detail(), "detail");
  EXPECT_EQ(copy.retriable, Retriable::kAlways);
  error = copy;
  EXPECT_EQ(error.param(), "another");
  const Error moved = std::move(error);
  EXPECT_EQ(moved.kind, ErrorKind::kInvalidBody);
  EXPECT_EQ(moved.detail(), "detail");
}

TEST(Error, WithoutTextsHasEmptyOnes) {
  Error error(ErrorKind::kInternal);
  EXPECT_EQ(error.detail(), "");
  EXPECT_EQ(error.param(), "");
  error.set_param("model");
  EXPECT_EQ(error.param(), "model");
  EXPECT_EQ(error.detail(), "");
}

}  // namespace
}  // namespace sluice
