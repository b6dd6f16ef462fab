// Filters that answer themselves: direct answers and redirects.

#include <gtest/gtest.h>

#include "filters/direct_answer/direct_answer_filter.h"
#include "filters/redirect/redirect_filter.h"
#include "tests/filters/exchange_rig.h"

namespace sluice::test {
namespace {

class LocalAnswerTest : public ::testing::Test {
 protected:
  // Runs one filter that must answer without a look behind it.
  void run(std::unique_ptr<ExchangeFilter> filter, RequestHead head) {
    const ExchangeScript unreached = [](Exchange&, ResponseWriter&) -> Task<Result<void>> {
      ADD_FAILURE() << "next was called";
      co_return Result<void>();
    };
    chain_ = chain_of<Exchange>(std::move(filter), unreached);
    rig_.emplace(t_, one_route(unreached), std::move(head));
    rig_->run(chain_);
    t_.turn();
    ASSERT_TRUE(rig_->finished() && rig_->outcome());
  }
  const RecordingWriter& client() const { return rig_->client; }

  TestLoop t_;
  ExchangeChain chain_;
  std::optional<ExchangeRig> rig_;
};

TEST_F(LocalAnswerTest, ADirectAnswerHasItsStatusTypeAndText) {
  run(std::make_unique<DirectAnswerFilter>(DirectAnswerFilter::Answer{410, "text/plain", "gone"}),
      request_head(Method::kGet, "/old"));
  EXPECT_EQ(client().status(), 410);
  EXPECT_EQ(client().head().headers.get(HeaderId::kContentType), "text/plain");
  EXPECT_EQ(client().head().content_length, 4u);
  EXPECT_EQ(client().writes(), std::vector<std::string>{"gone"});
}

TEST_F(LocalAnswerTest, AStatusThatHasNoBodyGetsNone) {
  run(std::make_unique<DirectAnswerFilter>(DirectAnswerFilter::Answer{204, "text/plain", ""}),
      request_head(Method::kGet, "/"));
  EXPECT_EQ(client().status(), 204);
  EXPECT_FALSE(client().head().content_length);
  EXPECT_FALSE(client().head().headers.has(HeaderId::kContentType));
}

TEST_F(LocalAnswerTest, ARedirectKeepsWhatItDoesNotReplace) {
  RequestHead head = request_head(Method::kPost, "/old/chat");
  head.set_authority("example.org:8080");
  head.set_target("/old/chat", "?a=1");
  const auto location = [&](RedirectTarget target) { return target.location(head); };
  EXPECT_EQ(location({.path = "/new"}), "/new?a=1");
  EXPECT_EQ(location({.rewrite = PathRewrite{4, "/v1"}}), "/v1/chat?a=1");
  EXPECT_EQ(location({.host = "other:81"}), "//other:81/old/chat?a=1");
  EXPECT_EQ(location({.scheme = "https"}), "https://example.org/old/chat?a=1");
  EXPECT_EQ(location({.scheme = "https", .host = "other", .path = "/"}), "https://other/?a=1");
  run(std::make_unique<RedirectFilter>(RedirectTarget{.status = 307, .path = "/new"}), std::move(head));
  EXPECT_EQ(client().status(), 307);
  EXPECT_EQ(client().head().headers.get("location"), "/new?a=1");
}

TEST_F(LocalAnswerTest, ARelativeRedirectNeverNamesAnotherHost) {
  const RedirectTarget target{.rewrite = PathRewrite{4, "/"}};
  EXPECT_EQ(target.location(request_head(Method::kGet, "/api/evil.example/x")), "/evil.example/x");
}

}  // namespace
}  // namespace sluice::test
