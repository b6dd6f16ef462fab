#include <gtest/gtest.h>

#include "tests/backends/cluster/pool_fixture.h"

namespace sluice::test {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using Mode = MemoryNetwork::Mode;

class UpstreamPoolQueueTest : public PoolTest {};

TEST_F(UpstreamPoolQueueTest, NoMoreThanMaxConnectionsAreOpened) {
  make_pool({.max_connections = 2});
  auto a = request();
  auto b = request();
  auto c = request();
  EXPECT_TRUE(a->has_connection());
  EXPECT_TRUE(b->has_connection());
  EXPECT_FALSE(c->has_connection());
  EXPECT_FALSE(c->connecting());
  expect_open_idle_waiting(2, 0, 1);
}

TEST_F(UpstreamPoolQueueTest, ConnectionsUnderWayCountAsConnections) {
  make_pool({.max_connections = 1});
  network_.set_mode("one:1", Mode::kHold);
  auto a = request();
  auto b = request();
  EXPECT_TRUE(a->connecting());
  EXPECT_FALSE(b->connecting());
  expect_open_idle_waiting(1, 0, 1);
}

TEST_F(UpstreamPoolQueueTest, WaitersAreServedInTheOrderTheyCame) {
  make_pool({.max_connections = 1});
  auto a = request();
  auto end = backend();
  auto b = request();
  auto c = request();
  a->complete(*end);
  a->end();
  t_.turn();
  EXPECT_TRUE(b->has_connection());
  EXPECT_FALSE(c->has_connection());
  b->complete(*end);
  b->end();
  t_.turn();
  EXPECT_TRUE(c->has_connection());
  EXPECT_EQ(connects(), 1u);
  expect_open_idle_waiting(1, 0, 0);
}

TEST_F(UpstreamPoolQueueTest, ANewRequestDoesNotOvertakeAWaiterThatWasJustGrantedItsTurn) {
  make_pool({.max_connections = 1});
  auto a = request();
  auto end = backend();
  auto b = request();
  auto c = request();
  a->complete(*end);
  a->end();
  // Before b has run, somebody else asks.
  PoolRequest d(t_, *pool_);
  t_.turn();
  EXPECT_TRUE(b->has_connection());
  EXPECT_FALSE(d.has_connection());
  b->end();
  t_.turn();
  EXPECT_TRUE(c->has_connection());
  c->end();
  t_.turn();
  EXPECT_TRUE(d.has_connection());
}

TEST_F(UpstreamPoolQueueTest, AWaiterThatLeavesAfterItsTurnWasGrantedPassesItOn) {
  make_pool({.max_connections = 1});
  auto a = request();
  auto end = backend();
  auto b = request();
  auto c = request();
  a->complete(*end);
  a->end();
  b->end();
  t_.turn();
  EXPECT_TRUE(c->has_connection());
  expect_open_idle_waiting(1, 0, 0);
}

TEST_F(UpstreamPoolQueueTest, TheQueueIsBounded) {
  make_pool({.max_connections = 1, .max_waiting = 2});
  auto a = request();
  auto b = request();
  auto c = request();
  auto d = request();
  EXPECT_EQ(d->error(), ErrorKind::kOverloaded);
  EXPECT_EQ(measured_.overflows.value(), 1u);
  expect_open_idle_waiting(1, 0, 2);
}

TEST_F(UpstreamPoolQueueTest, WithoutAQueueAFullPoolRefusesAtOnce) {
  make_pool({.max_connections = 1, .max_waiting = 0});
  auto a = request();
  EXPECT_EQ(request()->error(), ErrorKind::kOverloaded);
}

TEST_F(UpstreamPoolQueueTest, AWaitEndsAtItsDeadline) {
  make_pool({.max_connections = 1});
  auto a = request();
  auto b = request(seconds(2));
  auto c = request(seconds(5));
  t_.advance(milliseconds(1990));
  EXPECT_EQ(b->error(), std::nullopt);
  t_.advance(milliseconds(20));
  EXPECT_EQ(b->error(), ErrorKind::kOverloaded);
  EXPECT_EQ(c->error(), std::nullopt);
  EXPECT_EQ(measured_.overflows.value(), 1u);
  expect_open_idle_waiting(1, 0, 1);
  a->end();
  t_.turn();
  EXPECT_TRUE(c->has_connection());
}

TEST_F(UpstreamPoolQueueTest, AWaiterThatLeavesIsForgotten) {
  make_pool({.max_connections = 1});
  auto a = request();
  auto b = request();
  auto c = request();
  b->end();
  expect_open_idle_waiting(1, 0, 1);
  a->end();
  t_.turn();
  EXPECT_TRUE(c->has_connection());
  c->end();
  t_.advance(seconds(100));
  expect_open_idle_waiting(0, 0, 0);
}

TEST_F(UpstreamPoolQueueTest, AFailedConnectFreesItsPlaceAndWakesAWaiter) {
  make_pool({.max_connections = 1});
  network_.set_mode("one:1", Mode::kHold);
  auto a = request();
  auto b = request();
  network_.set_mode("one:1", Mode::kRefuse);
  t_.turn();
  EXPECT_EQ(a->error(), ErrorKind::kConnectFailed);
  EXPECT_TRUE(b->connecting());
  EXPECT_EQ(b->error(), ErrorKind::kConnectFailed);
  EXPECT_EQ(measured_.connects.value(), 2u);
  EXPECT_EQ(measured_.connect_failures.value(), 2u);
  expect_open_idle_waiting(0, 0, 0);
}

TEST_F(UpstreamPoolQueueTest, AConnectThatIsNeverAnsweredEndsAtItsTimeout) {
  make_pool({});
  network_.set_mode("one:1", Mode::kHold);
  auto a = request();
  t_.advance(milliseconds(990));
  EXPECT_EQ(a->error(), std::nullopt);
  t_.advance(milliseconds(20));
  EXPECT_EQ(a->error(), ErrorKind::kConnectTimeout);
  expect_open_idle_waiting(0, 0, 0);
}

TEST_F(UpstreamPoolQueueTest, AClientThatLeavesWhileConnectingFreesThePlaceForAWaiter) {
  make_pool({.max_connections = 1});
  network_.set_mode("one:1", Mode::kHold);
  auto a = request();
  auto b = request();
  a->end();
  t_.turn();
  EXPECT_TRUE(b->connecting());
  EXPECT_EQ(network_.pending(), 1u);
  b->end();
  EXPECT_EQ(network_.pending(), 0u);
  expect_open_idle_waiting(0, 0, 0);
}

TEST_F(UpstreamPoolQueueTest, AWaiterOpensAConnectionWhereTheReturnedOneIsClosedByTheBackendFirst) {
  make_pool({.max_connections = 1});
  auto a = request();
  auto end = backend();
  auto b = request();
  a->complete(*end);
  end->close();
  t_.turn();
  a->end();
  t_.turn();
  // Either it got the stale connection, whose failure is retriable, or a fresh one.
  EXPECT_TRUE(b->has_connection());
  b->end();
  expect_open_idle_waiting(0, 0, 0);
}

TEST_F(UpstreamPoolQueueTest, WaitersGetConnectionsThatMaxIdleWouldNotKeep) {
  make_pool({.max_connections = 1, .max_idle = 0});
  auto a = request();
  auto end = backend();
  auto b = request();
  a->complete(*end);
  a->end();
  t_.turn();
  EXPECT_TRUE(b->has_connection());
  EXPECT_EQ(connects(), 1u);
}

TEST_F(UpstreamPoolQueueTest, AnyMixOfDeparturesLeavesThePoolEmptyAndServing) {
  Random dice(3);
  make_pool({.max_connections = 3, .max_waiting = 8, .max_idle = 2});
  network_.set_script("one:1", {.pieces = {"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"}});
  std::vector<std::unique_ptr<PoolRequest>> live;
  for (int i = 0; i < 3000; ++i) {
    switch (dice.below(4)) {
      case 0:
      case 1:
        if (live.size() < 12) live.push_back(std::make_unique<PoolRequest>(t_, *pool_, milliseconds(50)));
        break;
      case 2:
        if (!live.empty()) live.erase(live.begin() + static_cast<std::ptrdiff_t>(dice.below(live.size())));
        break;
      case 3:
        if (dice.below(8) == 0) {
          t_.advance(milliseconds(20));
        } else {
          t_.step();
        }
        break;
    }
    ASSERT_LE(measured_.open.value(), 3);
    ASSERT_LE(measured_.waiting.value(), 8);
  }
  live.clear();
  t_.advance(seconds(10));
  expect_open_idle_waiting(0, 0, 0);
  EXPECT_TRUE(request()->has_connection());
}

}  // namespace
}  // namespace sluice::test
