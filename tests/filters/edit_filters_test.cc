#include <gtest/gtest.h>

#include "filters/request_edit/request_edit_filter.h"
#include "filters/response_edit/response_edit_filter.h"
#include "tests/filters/exchange_rig.h"

namespace sluice::test {
namespace {

TEST(RequestEditFilterTest, ChangesWhatBackendsReceiveAndNotWhatTheClientSent) {
  TestLoop t;
  const ExchangeScript inner = [](Exchange&, ResponseWriter& out) { return answer_ok(out); };
  const ExchangeChain chain = chain_of<Exchange>(std::make_unique<RequestEditFilter>(RequestEdits{
                                                     .path = PathRewrite{4, "/v1"},
                                                     .host = "models.internal",
                                                     .headers = {.remove = {"cookie"}, .set = {{"x-a", "1"}}},
                                                     .query = {.set = {{"v", "2"}}}}),
                                                 inner);
  ExchangeRig r(t, one_route(inner), request_head(Method::kPost, "/api/chat", {{"Cookie", "s"}}));
  r.exchange.request->upstream_head = r.exchange.head();
  r.run(chain);
  t.turn();
  ASSERT_TRUE(r.finished());
  const RequestHead& sent = r.exchange.request->upstream_head;
  EXPECT_EQ(sent.path(), "/v1/chat");
  EXPECT_EQ(sent.query(), "?v=2");
  EXPECT_EQ(sent.authority(), "models.internal");
  EXPECT_EQ(sent.headers.get("x-a"), "1");
  EXPECT_FALSE(sent.headers.has(HeaderId::kCookie));
  EXPECT_EQ(r.exchange.head().path(), "/api/chat");
}

TEST(ResponseEditFilterTest, ChangesTheHeadOfTheAnswer) {
  TestLoop t;
  const ExchangeScript inner = [](Exchange&, ResponseWriter& out) {
    ResponseHead head = answer_head("text/plain");
    head.headers.add("server", "uvicorn");
    return answer(out, std::move(head), {"ok"});
  };
  const ExchangeChain chain =
      chain_of<Exchange>(std::make_unique<ResponseEditFilter>(
                             HeaderEdits{.remove = {"Server"}, .set = {{"x-frame-options", "DENY"}}}),
                         inner);
  ExchangeRig r(t, one_route(inner), request_head(Method::kGet, "/"));
  r.run(chain);
  t.turn();
  ASSERT_TRUE(r.finished());
  EXPECT_FALSE(r.client.head().headers.has(HeaderId::kServer));
  EXPECT_EQ(r.client.head().headers.get("x-frame-options"), "DENY");
}

}  // namespace
}  // namespace sluice::test
