#include <gtest/gtest.h>

#include "tests/backends/cluster/pool_fixture.h"

namespace sluice::test {
namespace {

using std::chrono::seconds;

class UpstreamPoolLifetimeTest : public PoolTest {
 protected:
  // Idle for long, so that only the lifetime ends a connection.
  PoolOptions living(Duration lifetime) { return {.idle_timeout = seconds(3600), .max_lifetime = lifetime}; }
};

TEST_F(UpstreamPoolLifetimeTest, AnIdleConnectionIsClosedAtTheEndOfItsLife) {
  make_pool(living(seconds(100)));
  auto end = make_idle();
  t_.advance(seconds(89));
  EXPECT_FALSE(end->closed_by_gateway());
  t_.advance(seconds(12));
  EXPECT_TRUE(end->closed_by_gateway());
  EXPECT_EQ(measured_.retired.value(), 1);
  expect_open_idle_waiting(0, 0, 0);
}

TEST_F(UpstreamPoolLifetimeTest, AConnectionInUseEndsAfterItsRequest) {
  make_pool(living(seconds(100)));
  auto r = request();
  auto end = backend();
  t_.advance(seconds(200));
  EXPECT_FALSE(end->closed_by_gateway());
  r->complete(*end);
  r->end();
  t_.turn();
  EXPECT_TRUE(end->closed_by_gateway());
  EXPECT_EQ(measured_.retired.value(), 1);
  expect_open_idle_waiting(0, 0, 0);
}

TEST_F(UpstreamPoolLifetimeTest, AWaiterGetsAFreshConnectionInsteadOfOneThatIsTooOld) {
  PoolOptions options = living(seconds(100));
  options.max_connections = 1;
  make_pool(options);
  auto first = request();
  auto end = backend();
  auto second = request(seconds(1000));
  EXPECT_FALSE(second->has_connection());
  t_.advance(seconds(200));
  first->complete(*end);
  first->end();
  t_.turn();
  EXPECT_TRUE(second->has_connection());
  EXPECT_TRUE(second->connecting());
  EXPECT_EQ(connects(), 2u);
}

TEST_F(UpstreamPoolLifetimeTest, ConnectionsOpenedTogetherDoNotEndTogether) {
  make_pool(living(seconds(100)));
  constexpr int kConnections = 20;
  std::vector<std::unique_ptr<PoolRequest>> requests;
  std::vector<std::unique_ptr<BackendEnd>> ends;
  for (int i = 0; i < kConnections; ++i) {
    requests.push_back(request());
    ends.push_back(backend());
    requests.back()->complete(*ends.back());
  }
  requests.clear();
  double open = kConnections;
  int steps = 0;
  for (int second = 0; second < 102; ++second) {
    t_.advance(seconds(1));
    if (measured_.open.value() < open) ++steps;
    open = measured_.open.value();
  }
  EXPECT_EQ(open, 0);
  EXPECT_GE(steps, 5);
}

TEST_F(UpstreamPoolLifetimeTest, WithoutALimitAConnectionStays) {
  make_pool(living(Duration::zero()));
  auto end = make_idle();
  t_.advance(seconds(3000));
  EXPECT_FALSE(end->closed_by_gateway());
  EXPECT_EQ(measured_.retired.value(), 0);
}

}  // namespace
}  // namespace sluice::test
