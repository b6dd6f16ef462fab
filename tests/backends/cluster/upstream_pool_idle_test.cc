#include <gtest/gtest.h>

#include "tests/backends/cluster/pool_fixture.h"

namespace sluice::test {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class UpstreamPoolIdleTest : public PoolTest {};

TEST_F(UpstreamPoolIdleTest, AFinishedConnectionServesTheNextRequest) {
  make_pool({});
  auto end = make_idle();
  expect_open_idle_waiting(1, 1, 0);
  auto next = request();
  EXPECT_TRUE(next->has_connection());
  EXPECT_FALSE(next->connecting());
  expect_open_idle_waiting(1, 0, 0);
  next->complete(*end);
  EXPECT_EQ(connects(), 1u);
}

TEST_F(UpstreamPoolIdleTest, TheMostRecentlyUsedConnectionIsReusedFirst) {
  make_pool({});
  auto first = request();
  auto second = request();
  auto first_end = backend();
  auto second_end = backend();
  first->complete(*first_end);
  second->complete(*second_end);
  second->end();
  first->end();
  expect_open_idle_waiting(2, 2, 0);
  auto next = request();
  next->complete(*first_end);
}

TEST_F(UpstreamPoolIdleTest, AnIdleConnectionIsClosedBeforeTheServerWouldCloseIt) {
  make_pool({});
  auto end = make_idle();
  t_.advance(milliseconds(3990));
  EXPECT_FALSE(end->closed_by_gateway());
  t_.advance(milliseconds(20));
  EXPECT_TRUE(end->closed_by_gateway());
  expect_open_idle_waiting(0, 0, 0);
}

TEST_F(UpstreamPoolIdleTest, TheIdleTimeCountsFromTheLastUse) {
  make_pool({.idle_timeout = seconds(4)});
  auto end = make_idle();
  t_.advance(seconds(3));
  request()->complete(*end);
  t_.advance(seconds(3));
  EXPECT_FALSE(end->closed_by_gateway());
}

TEST_F(UpstreamPoolIdleTest, ALeasedConnectionHasNoIdleTimeout) {
  make_pool({});
  auto end = make_idle();
  auto next = request();
  t_.advance(seconds(30));
  EXPECT_FALSE(end->closed_by_gateway());
  next->end();
  EXPECT_TRUE(end->closed_by_gateway());
}

TEST_F(UpstreamPoolIdleTest, AnIdleConnectionThatTheBackendClosesIsDroppedInTheSameTurn) {
  make_pool({});
  auto end = make_idle();
  end->close();
  t_.turn();
  expect_open_idle_waiting(0, 0, 0);
  EXPECT_TRUE(request()->connecting());
}

TEST_F(UpstreamPoolIdleTest, AnIdleConnectionThatIsResetIsDroppedInTheSameTurn) {
  make_pool({});
  auto end = make_idle();
  end->reset();
  t_.turn();
  expect_open_idle_waiting(0, 0, 0);
}

TEST_F(UpstreamPoolIdleTest, BytesThatNobodyAskedForCloseAnIdleConnection) {
  make_pool({});
  auto end = make_idle();
  end->send("HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil");
  t_.turn();
  EXPECT_TRUE(end->closed_by_gateway());
  expect_open_idle_waiting(0, 0, 0);
}

TEST_F(UpstreamPoolIdleTest, BytesBehindAnAnswerAreNeverTheNextRequestsAnswer) {
  make_pool({});
  auto first = request();
  auto end = backend();
  first->complete(*end, "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nokHTTP/1.1 200 OK\r\n");
  first->end();
  EXPECT_TRUE(end->closed_by_gateway());
  expect_open_idle_waiting(0, 0, 0);
}

TEST_F(UpstreamPoolIdleTest, AConnectionThatTheBackendWillCloseIsNotKept) {
  make_pool({});
  auto first = request();
  auto end = backend();
  first->complete(*end, "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok");
  first->end();
  EXPECT_TRUE(end->closed_by_gateway());
  expect_open_idle_waiting(0, 0, 0);
}

TEST_F(UpstreamPoolIdleTest, AConnectionWithoutAWholeAnswerIsClosedAtOnce) {
  make_pool({});
  auto first = request();
  auto end = backend();
  first->end();
  EXPECT_TRUE(end->closed_by_gateway());
  expect_open_idle_waiting(0, 0, 0);
}

TEST_F(UpstreamPoolIdleTest, NoMoreThanMaxIdleConnectionsAreKept) {
  make_pool({.max_idle = 2});
  std::vector<std::unique_ptr<PoolRequest>> requests;
  std::vector<std::unique_ptr<BackendEnd>> ends;
  for (int i = 0; i < 4; ++i) {
    requests.push_back(request());
    ends.push_back(backend());
    requests.back()->complete(*ends.back());
  }
  requests.clear();
  expect_open_idle_waiting(2, 2, 0);
  EXPECT_EQ(t_.loop.buffers().blocks_in_use(), 0u);
}

TEST_F(UpstreamPoolIdleTest, MaxIdleZeroKeepsNoneAndStillServes) {
  make_pool({.max_idle = 0});
  auto end = make_idle();
  EXPECT_TRUE(end->closed_by_gateway());
  expect_open_idle_waiting(0, 0, 0);
  make_idle();
  EXPECT_EQ(connects(), 2u);
}

TEST_F(UpstreamPoolIdleTest, APoolThatEndsClosesItsIdleConnections) {
  make_pool({});
  auto end = make_idle();
  pool_.reset();
  EXPECT_TRUE(end->closed_by_gateway());
  expect_open_idle_waiting(0, 0, 0);
}

}  // namespace
}  // namespace sluice::test
