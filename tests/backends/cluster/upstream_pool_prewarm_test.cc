#include <gtest/gtest.h>

#include "tests/backends/cluster/pool_fixture.h"

namespace sluice::test {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class UpstreamPoolPrewarmTest : public PoolTest {
 protected:
  void start(const PoolOptions& options) {
    make_pool(options);
    t_.turn();
  }
};

TEST_F(UpstreamPoolPrewarmTest, ConnectionsAreThereBeforeTheFirstRequest) {
  start({.prewarm = 3});
  EXPECT_EQ(connects(), 3u);
  EXPECT_EQ(measured_.prewarms.value(), 3);
  expect_open_idle_waiting(3, 3, 0);
  auto r = request();
  EXPECT_TRUE(r->has_connection());
  EXPECT_FALSE(r->connecting());
  auto end = backend();
  auto second = backend();
  auto third = backend();
  // The most recently opened one is taken.
  r->complete(*third);
}

TEST_F(UpstreamPoolPrewarmTest, WhatARequestTakesIsReplacedAtOnce) {
  start({.prewarm = 2});
  auto a = request();
  expect_open_idle_waiting(3, 2, 0);
  auto b = request();
  auto c = request();
  expect_open_idle_waiting(5, 2, 0);
  a->end();
  b->end();
  c->end();
}

TEST_F(UpstreamPoolPrewarmTest, TheyNeverExceedMaxConnections) {
  start({.max_connections = 2, .prewarm = 2});
  auto a = request();
  auto b = request();
  expect_open_idle_waiting(2, 0, 0);
  auto c = request();
  expect_open_idle_waiting(2, 0, 1);
  a->end();
  t_.turn();
  EXPECT_TRUE(c->has_connection());
  expect_open_idle_waiting(2, 0, 0);
}

TEST_F(UpstreamPoolPrewarmTest, AWaiterTakesTheConnectionThatWasOpenedAhead) {
  network_.set_mode("one:1", MemoryNetwork::Mode::kHold);
  start({.max_connections = 1, .prewarm = 1});
  auto r = request();
  expect_open_idle_waiting(1, 0, 1);
  network_.set_mode("one:1", MemoryNetwork::Mode::kAccept);
  t_.turn();
  EXPECT_TRUE(r->has_connection());
  EXPECT_EQ(connects(), 1u);
}

TEST_F(UpstreamPoolPrewarmTest, ConnectionsThatNobodyUsesAreOpenedAnewWhenTheirIdleTimeIsOver) {
  start({.idle_timeout = seconds(4), .prewarm = 2});
  auto first = backend();
  auto second = backend();
  t_.advance(milliseconds(4020));
  EXPECT_TRUE(first->closed_by_gateway());
  EXPECT_TRUE(second->closed_by_gateway());
  expect_open_idle_waiting(2, 2, 0);
  EXPECT_EQ(connects(), 4u);
}

TEST_F(UpstreamPoolPrewarmTest, AServerThatRefusesIsTriedAgainAfterGrowingPauses) {
  network_.set_mode("one:1", MemoryNetwork::Mode::kRefuse);
  start({.prewarm = 4});
  EXPECT_EQ(connects(), 1u);
  t_.advance(milliseconds(40));
  EXPECT_EQ(connects(), 1u);
  t_.advance(milliseconds(70));
  EXPECT_EQ(connects(), 2u);
  for (int i = 0; i < 60; ++i)
    t_.advance(seconds(1));
  // Pauses of 5 to 10 s at last: a minute has room for some twelve after the first ones.
  EXPECT_LE(connects(), 22u);
  EXPECT_GE(connects(), 8u);
  network_.set_mode("one:1", MemoryNetwork::Mode::kAccept);
  t_.advance(ConnectBackoff::kLongest);
  expect_open_idle_waiting(4, 4, 0);
}

TEST_F(UpstreamPoolPrewarmTest, AServerThatClosesUnusedConnectionsIsNotFloodedWithThem) {
  start({.prewarm = 1});
  for (int i = 0; i < 6000; ++i) {
    if (auto end = backend()) end->close();
    t_.advance(milliseconds(10));
  }
  EXPECT_LE(connects(), 22u);
}

TEST_F(UpstreamPoolPrewarmTest, ARetiredPoolOpensNoneAndKeepsNone) {
  start({.prewarm = 2});
  auto r = request();
  pool_->retire();
  t_.advance(seconds(20));
  expect_open_idle_waiting(1, 0, 0);
  auto end = backend();
  backend();
  auto taken = backend();
  r->end();
  t_.turn();
  expect_open_idle_waiting(0, 0, 0);
}

}  // namespace
}  // namespace sluice::test
