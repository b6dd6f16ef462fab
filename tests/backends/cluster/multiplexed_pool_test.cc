#include "backends/cluster/multiplexed_pool.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "tests/backends/cluster/pool_fixture.h"

namespace sluice::test {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using namespace std::string_literals;

// SETTINGS that allow so many streams.
std::string allow(char streams) {
  return "\0\0\6\4\0\0\0\0\0\0\3\0\0\0"s + streams;
}
// GOAWAY that has processed no stream.
const std::string kGoaway = "\0\0\x8\7\0\0\0\0\0\0\0\0\0\0\0\0\0"s;
// A head without a body, which ends the stream: 204.
std::string no_content(char stream) {
  return "\0\0\1\1\5\0\0\0"s + stream + "\x89";
}

class MultiplexedPoolTest : public PoolTest {
 protected:
  void start(PoolOptions options = {}) {
    options.protocol = UpstreamProtocol::kH2c;
    make_pool(options);
    t_.turn();
  }
  // One connection whose backend allows so many streams, and a request on it.
  std::unique_ptr<BackendEnd> connect(char streams, std::unique_ptr<PoolRequest>& first) {
    first = request();
    auto end = backend();
    end->send(allow(streams));
    t_.turn();
    return end;
  }
};

TEST_F(MultiplexedPoolTest, ABurstSharesOneConnection) {
  network_.set_mode("one:1", MemoryNetwork::Mode::kHold);
  start();
  std::vector<std::unique_ptr<PoolRequest>> burst;
  for (int i = 0; i < 50; ++i)
    burst.push_back(request());
  EXPECT_TRUE(burst.back()->connecting());
  expect_open_idle_waiting(1, 0, 50);
  network_.set_mode("one:1", MemoryNetwork::Mode::kAccept);
  t_.turn();
  for (const auto& r : burst)
    EXPECT_TRUE(r->has_connection());
  EXPECT_EQ(connects(), 1u);
  expect_open_idle_waiting(1, 0, 0);
  EXPECT_EQ(measured_.http2.streams.value(), 50);
}

TEST_F(MultiplexedPoolTest, ALargerBurstOpensAsManyConnectionsAsItNeeds) {
  network_.set_mode("one:1", MemoryNetwork::Mode::kHold);
  start();
  std::vector<std::unique_ptr<PoolRequest>> burst;
  for (int i = 0; i < 250; ++i)
    burst.push_back(request());
  network_.set_mode("one:1", MemoryNetwork::Mode::kAccept);
  t_.turn();
  for (const auto& r : burst)
    EXPECT_TRUE(r->has_connection());
  EXPECT_EQ(connects(), 3u);
}

TEST_F(MultiplexedPoolTest, AFullConnectionIsJoinedByAnother) {
  start();
  std::unique_ptr<PoolRequest> first;
  auto end = connect(2, first);
  auto second = request();
  EXPECT_FALSE(second->connecting());
  EXPECT_EQ(connects(), 1u);
  auto third = request();
  EXPECT_TRUE(third->has_connection());
  EXPECT_TRUE(third->connecting());
  EXPECT_EQ(connects(), 2u);
}

TEST_F(MultiplexedPoolTest, WhereNoConnectionMayBeOpenedRequestsWaitTheirTurn) {
  start({.max_connections = 1, .max_waiting = 2});
  std::unique_ptr<PoolRequest> first;
  auto end = connect(1, first);
  auto second = request();
  auto third = request(seconds(1));
  EXPECT_FALSE(second->has_connection());
  expect_open_idle_waiting(1, 0, 2);
  auto fourth = request();
  EXPECT_EQ(fourth->error(), ErrorKind::kOverloaded) << "the queue is bounded";
  t_.advance(milliseconds(1020));
  EXPECT_EQ(third->error(), ErrorKind::kOverloaded) << "its time is over";
  first->end();
  t_.turn();
  EXPECT_TRUE(second->has_connection());
  EXPECT_EQ(measured_.overflows.value(), 2u);
}

TEST_F(MultiplexedPoolTest, AWaiterThatLeavesGivesItsTurnToTheNext) {
  start({.max_connections = 1});
  std::unique_ptr<PoolRequest> first;
  auto end = connect(1, first);
  auto second = request();
  auto third = request();
  second->end();
  first->end();
  t_.turn();
  EXPECT_TRUE(third->has_connection());
  expect_open_idle_waiting(1, 0, 0);
}

TEST_F(MultiplexedPoolTest, RoomThatWasGrantedToOneWhoLeftIsNotLost) {
  start({.max_connections = 1});
  std::unique_ptr<PoolRequest> first;
  auto end = connect(1, first);
  auto second = request();
  auto third = request();
  first->end();
  while (measured_.http2.streams.value() == 0)
    ASSERT_TRUE(t_.step());
  second->end();
  t_.turn();
  EXPECT_TRUE(third->has_connection());
}

TEST_F(MultiplexedPoolTest, AConnectionThatSaidGoawayTakesNoRequests) {
  start();
  std::unique_ptr<PoolRequest> first;
  auto end = connect(100, first);
  end->send(kGoaway);
  t_.turn();
  auto second = request();
  EXPECT_EQ(connects(), 2u);
  EXPECT_EQ(measured_.http2.goaways.value(), 1u);
  first->end();
  t_.turn();
  EXPECT_TRUE(end->closed_by_gateway()) << "with its last stream";
  expect_open_idle_waiting(1, 0, 0);
}

TEST_F(MultiplexedPoolTest, WhoeverWaitsForAConnectionThatIsRefusedIsTold) {
  network_.set_mode("one:1", MemoryNetwork::Mode::kRefuse);
  start();
  auto a = request();
  auto b = request();
  EXPECT_EQ(a->error(), ErrorKind::kConnectFailed);
  EXPECT_EQ(b->error(), ErrorKind::kConnectFailed);
  expect_open_idle_waiting(0, 0, 0);
}

TEST_F(MultiplexedPoolTest, AHandshakeThatDoesNotAgreeOnHttp2CountsAsAFailedConnect) {
  for (const char* alpn : {"", "http/1.1"}) {
    network_.set_alpn("one:1", alpn);
    make_pool({.protocol = UpstreamProtocol::kH2});
    auto r = request();
    EXPECT_EQ(r->error(), ErrorKind::kConnectFailed) << alpn;
    EXPECT_TRUE(r->connecting());
    EXPECT_TRUE(backend()->closed_by_gateway());
    expect_open_idle_waiting(0, 0, 0);
  }
  EXPECT_EQ(measured_.connect_failures.value(), 2u);
  network_.set_alpn("one:1", "h2");
  EXPECT_TRUE(request()->has_connection());
}

TEST_F(MultiplexedPoolTest, AConnectionTakesNoMoreRequestsThanItsOwnLimit) {
  PoolOptions options;
  options.http2.max_streams = 2;
  start(options);
  std::vector<std::unique_ptr<PoolRequest>> burst;
  for (int i = 0; i < 5; ++i)
    burst.push_back(request());
  for (const auto& r : burst)
    EXPECT_TRUE(r->has_connection());
  EXPECT_EQ(connects(), 3u);
}

TEST_F(MultiplexedPoolTest, AConnectThatNeverEndsIsBounded) {
  network_.set_mode("one:1", MemoryNetwork::Mode::kHold);
  start();
  auto r = request();
  t_.advance(milliseconds(1020));
  ASSERT_TRUE(r->error());
  expect_open_idle_waiting(0, 0, 0);
}

TEST_F(MultiplexedPoolTest, IdleConnectionsAreKeptForATime) {
  start({.idle_timeout = seconds(4)});
  std::unique_ptr<PoolRequest> first;
  auto end = connect(100, first);
  first->complete(*end, no_content(1));
  first->end();
  t_.turn();
  expect_open_idle_waiting(1, 1, 0);
  auto second = request();
  EXPECT_EQ(connects(), 1u);
  expect_open_idle_waiting(1, 0, 0);
  second->end();
  t_.turn();
  t_.advance(milliseconds(3900));
  EXPECT_FALSE(end->closed_by_gateway());
  t_.advance(milliseconds(200));
  EXPECT_TRUE(end->closed_by_gateway());
  expect_open_idle_waiting(0, 0, 0);
}

TEST_F(MultiplexedPoolTest, AnIdleConnectionThatTheServerClosesIsForgotten) {
  start();
  std::unique_ptr<PoolRequest> first;
  auto end = connect(100, first);
  first->end();
  t_.turn();
  end->close();
  t_.turn();
  expect_open_idle_waiting(0, 0, 0);
}

TEST_F(MultiplexedPoolTest, NoMoreIdleConnectionsThanMaxIdle) {
  start({.max_idle = 1});
  std::unique_ptr<PoolRequest> first;
  auto end = connect(1, first);
  auto second = request();
  expect_open_idle_waiting(2, 0, 0);
  first->end();
  second->end();
  t_.turn();
  expect_open_idle_waiting(1, 1, 0);
}

TEST_F(MultiplexedPoolTest, AnOldConnectionEndsWithItsLastStream) {
  start({.idle_timeout = seconds(600), .max_lifetime = seconds(20)});
  std::unique_ptr<PoolRequest> first;
  auto end = connect(100, first);
  t_.advance(seconds(17));
  auto second = request();
  EXPECT_EQ(connects(), 1u) << "up to a tenth less";
  t_.advance(seconds(4));
  auto third = request();
  EXPECT_EQ(connects(), 2u);
  EXPECT_FALSE(end->closed_by_gateway());
  first->end();
  second->end();
  t_.turn();
  EXPECT_TRUE(end->closed_by_gateway());
  EXPECT_EQ(measured_.retired.value(), 1u);
  third->end();
  t_.turn();
  t_.advance(seconds(21));
  expect_open_idle_waiting(0, 0, 0);
  EXPECT_EQ(measured_.retired.value(), 2u) << "idle ones too";
}

TEST_F(MultiplexedPoolTest, ConnectionsAreThereBeforeTheFirstRequest) {
  start({.idle_timeout = seconds(4), .prewarm = 2});
  EXPECT_EQ(measured_.prewarms.value(), 2u);
  expect_open_idle_waiting(2, 2, 0);
  auto r = request();
  EXPECT_FALSE(r->connecting());
  expect_open_idle_waiting(2, 1, 0);
  t_.advance(milliseconds(4020));
  expect_open_idle_waiting(2, 1, 0);
  EXPECT_EQ(connects(), 3u) << "the unused one was replaced";
}

TEST_F(MultiplexedPoolTest, AServerThatClosesUnusedConnectionsIsNotFloodedWithThem) {
  start({.prewarm = 1});
  for (int i = 0; i < 6000; ++i) {
    if (auto end = backend()) end->close();
    t_.advance(milliseconds(10));
  }
  EXPECT_LE(connects(), 22u);
}

TEST_F(MultiplexedPoolTest, ARetiredPoolServesItsStreamsAndKeepsNothing) {
  start({.prewarm = 2});
  auto r = request();
  pool_->retire();
  t_.advance(seconds(20));
  expect_open_idle_waiting(1, 0, 0);
  auto late = request();
  EXPECT_TRUE(late->has_connection()) << "who still holds the endpoint is served";
  r->end();
  late->end();
  t_.turn();
  expect_open_idle_waiting(0, 0, 0);
}

}  // namespace
}  // namespace sluice::test
