#include "filters/body_view/body_view_filter.h"

#include <gtest/gtest.h>

#include "tests/filters/exchange_rig.h"

namespace sluice::test {
namespace {

class BodyViewFilterTest : public ::testing::Test {
 protected:
  // Three routes: two by model at one path, and everything else, each answering with its name.
  std::shared_ptr<const RouteTable> routes() {
    std::vector<Route> list;
    list.push_back(named("small", {.path = "/v1/", .models = {"small", "tiny"}}));
    list.back().max_body_bytes = 100;
    list.push_back(named("large", {.path = "/v1/", .models = {"large"}}));
    list.push_back(named("rest", {.path = "/files"}));
    list.back().max_body_bytes = 1 << 20;
    return std::make_shared<const RouteTable>(std::move(list));
  }
  Route named(const std::string& name, RouteRule rule) {
    return scripted_route(name, std::move(rule), [this, name](Exchange& e, ResponseWriter& out) {
      entered_ = name;
      kept_ = e.request->body ? std::optional<std::string>(e.request->body_bytes()) : std::nullopt;
      live_ = e.request->live_body != nullptr;
      return answer_ok(out);
    });
  }
  ExchangeRig& start(RequestHead head, std::vector<std::string> body, bool announce_length = true) {
    rig_.emplace(t_, routes(), std::move(head), std::move(body), announce_length);
    return *rig_;
  }
  ExchangeRig& run(RequestHead head, std::vector<std::string> body, bool announce_length = true) {
    start(std::move(head), std::move(body), announce_length).run(chain_);
    t_.turn();
    return *rig_;
  }
  static RequestHead chat() { return request_head(Method::kPost, "/v1/chat/completions"); }

  TestLoop t_;
  ExchangeChain chain_ = chain_of<Exchange>(
      std::make_unique<BodyViewFilter>(), [](Exchange&, ResponseWriter&) -> Task<Result<void>> {
        return Result<void>(fail(ErrorKind::kInternal, "a body view never calls next"));
      });
  std::optional<ExchangeRig> rig_;
  std::string entered_;
  std::optional<std::string> kept_;
  bool live_ = false;
};

TEST_F(BodyViewFilterTest, TheModelChoosesTheRouteHoweverTheBodyIsCut) {
  const std::string body =
      "{\"messages\":[{\"content\":\"\xc3\xa9\"}],\"mod\\u0065l\":\"large\",\"stream\":true}";
  for (const bool announced : {true, false}) {
    for (std::size_t cut = 1; cut < body.size(); ++cut) {
      run(chat(), {body.substr(0, cut), body.substr(cut)}, announced);
      ASSERT_EQ(entered_, "large") << cut;
      ASSERT_EQ(kept_, body);
      ASSERT_FALSE(live_);
      ASSERT_EQ(rig_->exchange.record.model, "large");
      ASSERT_EQ(rig_->exchange.record.route, "large");
      ASSERT_TRUE(rig_->exchange.record.stream);
      ASSERT_EQ(rig_->exchange.record.request_bytes, body.size());
    }
  }
}

TEST_F(BodyViewFilterTest, AModelThatNoRouteNamesIsNotFound) {
  run(chat(), {"{\"model\":\"gpt-9\"}"});
  EXPECT_EQ(rig_->error(), ErrorKind::kModelNotFound);
  EXPECT_EQ(rig_->outcome().error().param(), "model");
  EXPECT_EQ(rig_->exchange.record.model, "gpt-9");
  EXPECT_EQ(entered_, "");
}

TEST_F(BodyViewFilterTest, WhereAModelIsNeededItMustBeGiven) {
  for (const char* body : {"{}", "{\"model\":null}", "{\"model\":\"\"}"}) {
    run(chat(), {body});
    EXPECT_EQ(rig_->error(), ErrorKind::kInvalidBody) << body;
    EXPECT_EQ(rig_->outcome().error().param(), "model");
  }
  run(request_head(Method::kGet, "/v1/models"), {});
  EXPECT_EQ(rig_->error(), ErrorKind::kInvalidBody);
}

TEST_F(BodyViewFilterTest, WhatIsNoJsonObjectIsRefused) {
  for (const char* body : {"[]", "{\"model\":", "model=large", "{\"model\":\"a\"}x",
                           "{\"model\":\"a\",\"model\":\"b\"}", "{\"model\":7}"}) {
    run(chat(), {body});
    EXPECT_EQ(rig_->error(), ErrorKind::kInvalidBody) << body;
  }
}

TEST_F(BodyViewFilterTest, ABodyOverTheLimitIsRefusedByItsLengthBeforeItIsRead) {
  run(chat(), {std::string(1025, ' ')});
  EXPECT_EQ(rig_->error(), ErrorKind::kBodyTooLarge);
  EXPECT_EQ(rig_->body_reader.reads(), 0);
  EXPECT_EQ(rig_->body_reader.limit(), 1024u) << "the most generous of the routes still possible";
}

TEST_F(BodyViewFilterTest, ABodyWithoutALengthIsRefusedWhereItPassesTheLimit) {
  run(chat(), {std::string(600, ' '), std::string(600, ' '), std::string(600, ' ')}, false);
  EXPECT_EQ(rig_->error(), ErrorKind::kBodyTooLarge);
  EXPECT_EQ(rig_->body_reader.reads(), 2);
}

TEST_F(BodyViewFilterTest, TheChosenRoutesOwnLimitHoldsToo) {
  const std::string padding(200, ' ');
  run(chat(), {"{\"model\":\"large\"" + padding + "}"});
  EXPECT_EQ(entered_, "large");
  entered_.clear();
  run(chat(), {"{\"model\":\"small\"" + padding + "}"});
  EXPECT_EQ(rig_->error(), ErrorKind::kBodyTooLarge);
  EXPECT_EQ(entered_, "");
}

TEST_F(BodyViewFilterTest, ARouteWithoutALimitHasTheListenersAlsoWhereAnotherRouteAllowsMore) {
  std::vector<Route> list;
  list.push_back(named("generous", {.models = {"large"}}));
  list.back().max_body_bytes = 1000;
  list.push_back(named("rest", {}));
  list.back().max_body_bytes.reset();
  const auto table = std::make_shared<const RouteTable>(std::move(list));
  for (const auto& [model, passes] : {std::pair("large", true), std::pair("other", false)}) {
    rig_.emplace(
        t_, table, chat(),
        std::vector<std::string>{"{\"model\":\"" + std::string(model) + "\"" + std::string(500, ' ') + "}"});
    rig_->body_reader.set_limit(400);
    rig_->run(chain_);
    t_.turn();
    EXPECT_EQ(rig_->error() == ErrorKind::kBodyTooLarge, !passes) << model;
  }
}

TEST_F(BodyViewFilterTest, ACompressedBodyIsRefusedBeforeItIsReadWhereTheModelIsNeeded) {
  run(request_head(Method::kPost, "/v1/x", {{"content-encoding", "gzip"}}), {"\x1f\x8b"});
  EXPECT_EQ(rig_->error(), ErrorKind::kUnsupportedMediaType);
  EXPECT_EQ(rig_->body_reader.reads(), 0);
  run(request_head(Method::kPost, "/files", {{"content-encoding", "gzip"}}), {"\x1f\x8b"});
  EXPECT_EQ(entered_, "rest");
}

TEST_F(BodyViewFilterTest, ASmallBodyOfAnyKindIsKeptSoThatItCanBeSentAgain) {
  run(request_head(Method::kPost, "/files"), {"any ", "bytes"});
  EXPECT_EQ(entered_, "rest");
  EXPECT_EQ(kept_, "any bytes");
  EXPECT_FALSE(live_);
  run(request_head(Method::kPost, "/files"), {std::string(BodyViewFilter::kReplayBytes, 'x')});
  EXPECT_TRUE(kept_);
}

TEST_F(BodyViewFilterTest, ALargeBodyOrOneWithoutALengthIsLeftToBeRelayed) {
  run(request_head(Method::kPost, "/files"), {std::string(BodyViewFilter::kReplayBytes + 1, 'x')});
  EXPECT_TRUE(live_);
  EXPECT_EQ(kept_, std::nullopt);
  EXPECT_EQ(rig_->body_reader.reads(), 0);
  EXPECT_EQ(rig_->body_reader.limit(), 1u << 20);
  run(request_head(Method::kPost, "/files"), {"small"}, false);
  EXPECT_TRUE(live_);
}

TEST_F(BodyViewFilterTest, ARequestWithoutABodyHasNoneToRead) {
  run(request_head(Method::kGet, "/files"), {});
  EXPECT_EQ(entered_, "rest");
  EXPECT_EQ(kept_, std::nullopt);
  EXPECT_FALSE(live_);
  EXPECT_EQ(rig_->body_reader.reads(), 0);
}

TEST_F(BodyViewFilterTest, APathThatNoRouteHasIsRefusedUnread) {
  run(request_head(Method::kPost, "/elsewhere"), {"body"});
  EXPECT_EQ(rig_->error(), ErrorKind::kRouteNotFound);
  EXPECT_EQ(rig_->body_reader.reads(), 0);
}

TEST_F(BodyViewFilterTest, AClientThatStopsAmidItsBodyIsTheReason) {
  ExchangeRig& r = start(chat(), {"{\"model\":", "\"large\"}"});
  r.body_reader.stall_before(1);
  r.run(chain_);
  t_.turn();
  EXPECT_FALSE(r.finished());
  r.cancel();
  ExchangeRig& late = start(chat(), {"{\"mo"});
  late.body_reader.end_with(Error{ErrorKind::kRequestTimeout, "slow"});
  late.run(chain_);
  t_.turn();
  EXPECT_EQ(late.error(), ErrorKind::kRequestTimeout);
}

TEST_F(BodyViewFilterTest, AHugeModelNameIsCutInTheRecord) {
  run(chat(), {"{\"model\":\"" + std::string(900, 'm') + "\"}"});
  EXPECT_EQ(rig_->exchange.record.model.size(), 256u);
}

}  // namespace
}  // namespace sluice::test
