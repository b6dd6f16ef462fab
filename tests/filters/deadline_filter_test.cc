#include "filters/deadline/deadline_filter.h"

#include <gtest/gtest.h>

#include "tests/filters/exchange_rig.h"

namespace sluice::test {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class DeadlineFilterTest : public ::testing::Test {
 protected:
  ExchangeRig& prepare(ExchangeScript script) {
    chain_ = chain_of<Exchange>(std::make_unique<DeadlineFilter>(t_.loop), script);
    std::vector<Route> routes;
    routes.push_back(scripted_route("all", {}, std::move(script)));
    routes[0].timeouts.total = seconds(10);
    rig_.emplace(t_, std::make_shared<const RouteTable>(std::move(routes)),
                 request_head(Method::kPost, "/x"));
    return *rig_;
  }
  ExchangeRig& run(ExchangeScript script, Duration received_ago = {}) {
    ExchangeRig& r = prepare(std::move(script));
    r.exchange.record.received_at -= received_ago;
    r.run(chain_);
    t_.turn();
    return r;
  }
  ExchangeScript wait_for_ever() {
    return [this](Exchange&, ResponseWriter&) -> Task<Result<void>> {
      const Alive alive(running_);
      co_await never_.wait();
      co_return Result<void>();
    };
  }

  TestLoop t_;
  Signal never_{t_.loop};
  int running_ = 0;
  ExchangeChain chain_;
  std::optional<ExchangeRig> rig_;
};

TEST_F(DeadlineFilterTest, WhatIsWaitedForIsCancelledWhenTheDeadlinePasses) {
  ExchangeRig& r = run(wait_for_ever());
  t_.advance(milliseconds(9980));
  EXPECT_EQ(running_, 1);
  t_.advance(milliseconds(30));
  EXPECT_EQ(running_, 0);
  EXPECT_EQ(r.error(), ErrorKind::kDeadlineExceeded);
  EXPECT_EQ(r.client.starts(), 0);
}

TEST_F(DeadlineFilterTest, TheDeadlineCountsFromTheRequestsFirstByte) {
  ExchangeRig& r = run(wait_for_ever(), seconds(7));
  t_.advance(milliseconds(2980));
  EXPECT_FALSE(r.finished());
  t_.advance(milliseconds(30));
  EXPECT_EQ(r.error(), ErrorKind::kDeadlineExceeded);
}

TEST_F(DeadlineFilterTest, AClientThatTakesNothingIsNotWaitedForLonger) {
  ExchangeRig& r = prepare([this](Exchange&, ResponseWriter& out) -> Task<Result<void>> {
    const Alive alive(running_);
    co_return co_await answer_ok(out);
  });
  r.client.stall_at(2);
  r.run(chain_);
  t_.turn();
  EXPECT_TRUE(r.client.stalled());
  t_.advance(seconds(11));
  EXPECT_EQ(r.error(), ErrorKind::kDeadlineExceeded);
  EXPECT_EQ(running_, 0);
}

TEST_F(DeadlineFilterTest, AnAnswerInTimeLeavesNoTimerBehind) {
  ExchangeRig& r = run([](Exchange&, ResponseWriter& out) { return answer_ok(out); });
  EXPECT_TRUE(r.finished() && r.outcome());
  rig_.reset();
  t_.advance(seconds(20));
}

TEST_F(DeadlineFilterTest, AnErrorOfTheInnerFiltersPassesAsItIs) {
  ExchangeRig& r = run([](Exchange&, ResponseWriter&) -> Task<Result<void>> {
    return Result<void>(fail(ErrorKind::kNoEndpoint, "none"));
  });
  EXPECT_EQ(r.error(), ErrorKind::kNoEndpoint);
}

TEST_F(DeadlineFilterTest, AClientThatLeavesCancelsTheWorkInside) {
  run(wait_for_ever()).cancel();
  EXPECT_EQ(running_, 0);
  t_.advance(seconds(20));
}

}  // namespace
}  // namespace sluice::test
