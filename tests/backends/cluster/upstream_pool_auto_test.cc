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
const std::string kNoContent = "\0\0\1\1\5\0\0\0\1\x89"s;  // on stream 1
constexpr std::string_view kPreface = "PRI * HTTP/2.0";

// Connections whose handshake chooses the protocol.
class UpstreamPoolAutoTest : public PoolTest {
 protected:
  void start(const std::string& alpn, PoolOptions options = {}) {
    options.protocol = UpstreamProtocol::kAuto;
    network_.set_alpn("one:1", alpn);
    make_pool(options);
    t_.turn();
  }
  double streams() { return measured_.http2.streams.value(); }
};

TEST_F(UpstreamPoolAutoTest, WhereHttp2IsChosenRequestsShareAConnection) {
  start("h2");
  auto first = request();
  auto end = backend();
  end->send(allow(100));
  t_.turn();
  auto second = request();
  EXPECT_TRUE(second->has_connection());
  EXPECT_EQ(connects(), 1u);
  EXPECT_EQ(streams(), 2);
  EXPECT_TRUE(end->received().starts_with(kPreface));
}

TEST_F(UpstreamPoolAutoTest, WhereHttp1IsChosenEachRequestHasItsOwn) {
  for (const char* alpn : {"http/1.1", ""}) {
    network_.set_mode("one:1", MemoryNetwork::Mode::kHold);
    start(alpn);
    const std::size_t before = connects();
    std::vector<std::unique_ptr<PoolRequest>> burst;
    for (int i = 0; i < 3; ++i)
      burst.push_back(request());
    EXPECT_EQ(connects(), before + 1) << "it may be HTTP/2, which they would share";
    network_.set_mode("one:1", MemoryNetwork::Mode::kAccept);
    t_.turn();
    for (const auto& r : burst)
      EXPECT_TRUE(r->has_connection());
    EXPECT_EQ(connects(), before + 3);
    EXPECT_EQ(streams(), 0);
    const auto end = backend();
    burst[0]->complete(*end);
    for (const auto& r : burst)
      r->end();
    t_.turn();
    expect_open_idle_waiting(1, 1, 0);
    auto again = request();
    EXPECT_FALSE(again->connecting()) << "on the connection that was kept";
    again->end();
    while (backend()) {
    }
  }
}

TEST_F(UpstreamPoolAutoTest, ABackendThatLearnsHttp2IsSpokenToInIt) {
  start("http/1.1", {.max_connections = 1});
  auto first = request();
  auto old = backend();
  auto waiting = request();
  EXPECT_FALSE(waiting->has_connection());
  network_.set_alpn("one:1", "h2");
  old->close();
  first->end();
  t_.turn();
  EXPECT_TRUE(waiting->has_connection());
  EXPECT_EQ(streams(), 1);
  auto third = request();
  EXPECT_TRUE(third->has_connection());
  EXPECT_EQ(connects(), 2u);
}

TEST_F(UpstreamPoolAutoTest, ThoseWhoWaitForHttp1FollowAConnectionThatSpeaksHttp2) {
  start("http/1.1", {.max_connections = 2});
  auto first = request();
  auto second = request();
  auto third = request();
  auto fourth = request();
  expect_open_idle_waiting(2, 0, 2);
  network_.set_alpn("one:1", "h2");
  first->end();
  t_.turn();
  EXPECT_TRUE(third->has_connection());
  EXPECT_TRUE(fourth->has_connection()) << "though the other place is still taken";
  EXPECT_EQ(streams(), 2);
  second->end();
}

TEST_F(UpstreamPoolAutoTest, ABackendThatForgetsHttp2IsSpokenToInHttp1) {
  start("h2");
  auto first = request();
  auto end = backend();
  end->send(allow(1));
  t_.turn();
  network_.set_alpn("one:1", "http/1.1");
  auto second = request();
  auto third = request();
  EXPECT_TRUE(second->has_connection());
  EXPECT_TRUE(third->has_connection());
  EXPECT_EQ(streams(), 1) << "the old one goes on";
  EXPECT_EQ(connects(), 3u);
  end->send(kNoContent);
  first->end();
  second->end();
  third->end();
  t_.turn();
  t_.advance(milliseconds(4100));
  expect_open_idle_waiting(0, 0, 0);
}

TEST_F(UpstreamPoolAutoTest, FailuresReachThoseWhoWait) {
  network_.set_mode("one:1", MemoryNetwork::Mode::kRefuse);
  start("h2");
  auto a = request();
  EXPECT_EQ(a->error(), ErrorKind::kConnectFailed);
  expect_open_idle_waiting(0, 0, 0);
  network_.set_mode("one:1", MemoryNetwork::Mode::kAccept);
  network_.set_alpn("one:1", "http/1.1");
  auto b = request();
  EXPECT_TRUE(b->has_connection());
  network_.set_mode("one:1", MemoryNetwork::Mode::kRefuse);
  auto c = request();
  EXPECT_EQ(c->error(), ErrorKind::kConnectFailed);
}

TEST_F(UpstreamPoolAutoTest, ConnectionsAheadOfNeedAreOfTheProtocolThatIsSpoken) {
  start("http/1.1", {.prewarm = 2});
  t_.turn();
  expect_open_idle_waiting(2, 2, 0);
  EXPECT_EQ(connects(), 2u) << "the one that asked for the protocol is kept";
  auto r = request();
  EXPECT_FALSE(r->connecting());
  r->end();
  network_.set_alpn("one:1", "h2");
  t_.advance(milliseconds(4020));
  t_.turn();
  expect_open_idle_waiting(2, 2, 0);
  auto shared = request();
  EXPECT_EQ(streams(), 1);
  for (int i = 0; i < 10; ++i)
    t_.advance(seconds(1));
  EXPECT_LE(connects(), 12u);
}

TEST_F(UpstreamPoolAutoTest, ARetiredPoolKeepsNothing) {
  start("http/1.1", {.prewarm = 1});
  auto r = request();
  pool_->retire();
  r->end();
  t_.turn();
  t_.advance(seconds(5));
  expect_open_idle_waiting(0, 0, 0);
}

}  // namespace
}  // namespace sluice::test
