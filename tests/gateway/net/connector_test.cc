#include "gateway/net/connector.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <string>
#include <vector>

#include "gateway/net/socket_address.h"
#include "tests/gateway/net/socket_world.h"

namespace sluice {
namespace {

using Connecting = Child<Result<std::unique_ptr<Transport>>>;

TEST(SocketConnector, ConnectsToAName) {
  SocketWorld world;
  const auto listener = world.listen(kAnyPort);
  const auto connected = world.connect(Address::tcp("localhost", listener->address().port));
  EXPECT_TRUE(connected.has_value()) << connected.error().detail();
  // The second time from the resolver's cache.
  EXPECT_TRUE(world.connect(Address::tcp("localhost", listener->address().port)).has_value());
}

TEST(SocketConnector, ARefusedConnectionSaysWhereAndMayBeRetried) {
  SocketWorld world;
  Address closed = kAnyPort;
  {
    const auto socket = ListenSocket::bind(kAnyPort, {});
    closed = socket->address();
  }
  const auto refused = world.connect(closed);
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().kind, ErrorKind::kConnectFailed);
  EXPECT_EQ(refused.error().retriable, Retriable::kAlways);
  EXPECT_NE(refused.error().detail().find(closed.to_string()), std::string::npos);

  const auto missing = world.connect(Address::unix_socket("/tmp/sluice-no-such-socket"));
  ASSERT_FALSE(missing.has_value());
  EXPECT_EQ(missing.error().kind, ErrorKind::kConnectFailed);
}

TEST(SocketConnector, AnUnknownNameFails) {
  SocketWorld world;
  // A label of 64 characters (RFC 1035 2.3.4 allows 63) fails before anyone is asked.
  const auto unknown = world.connect(Address::tcp(std::string(64, 'x') + ".test", 80));
  ASSERT_FALSE(unknown.has_value());
  EXPECT_EQ(unknown.error().kind, ErrorKind::kConnectFailed);
  EXPECT_EQ(unknown.error().retriable, Retriable::kAlways);
}

// A listener whose backlog is full leaves the next SYN unanswered.
class Unanswering {
 public:
  Unanswering() {
    ListenOptions options;
    options.backlog = 0;
    options.reuse_port = false;
    socket_.emplace(std::move(*ListenSocket::bind(kAnyPort, options)));
    const auto target = numeric_socket_address(socket_->address());
    for (int i = 0; i < 4; ++i) {
      const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
      (void)::connect(fd, target->get(), target->length);
      fillers_.push_back(fd);
    }
  }
  Unanswering(const Unanswering&) = delete;
  Unanswering& operator=(const Unanswering&) = delete;
  ~Unanswering() {
    for (const int fd : fillers_)
      ::close(fd);
  }
  const Address& address() const { return socket_->address(); }

 private:
  std::optional<ListenSocket> socket_;
  std::vector<int> fillers_;
};

TEST(SocketConnector, AnUnansweredConnectEndsAtItsDeadline) {
  SocketWorld world;
  const Unanswering nobody;
  Connecting connecting(
      world.loop, world.connector.connect(nobody.address(), world.time.now() + std::chrono::seconds(1)));
  for (int i = 0; i < 100; ++i)
    world.loop.poll();
  ASSERT_FALSE(connecting.finished());
  world.time.advance(std::chrono::seconds(1) + TimerWheel::kTick);
  world.loop.expire();
  world.loop.poll();
  ASSERT_TRUE(connecting.finished());
  EXPECT_EQ(connecting.result()->error().kind, ErrorKind::kConnectTimeout);
  EXPECT_EQ(connecting.result()->error().retriable, Retriable::kAlways);
}

TEST(SocketConnector, ACancelledConnectLeavesNothing) {
  SocketWorld world;
  const Unanswering nobody;
  {
    Connecting connecting(world.loop, world.connector.connect(nobody.address(), kNever));
    world.loop.poll();
    ASSERT_FALSE(connecting.finished());
  }
  Connecting resolving(world.loop, world.connector.connect(Address::tcp("localhost", 1), kNever));
  resolving.cancel();
  for (int i = 0; i < 1'000; ++i)
    world.loop.poll();
}

}  // namespace
}  // namespace sluice
