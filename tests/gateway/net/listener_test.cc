#include "gateway/net/listener.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <fstream>
#include <string>
#include <vector>

#include "gateway/net/socket_address.h"
#include "tests/gateway/net/socket_world.h"

namespace sluice {
namespace {

TEST(Listener, TellsThePortThatTheSystemChose) {
  SocketWorld world;
  auto listener = world.listen(kAnyPort);
  ASSERT_NE(listener, nullptr);
  EXPECT_EQ(listener->address().host, "127.0.0.1");
  EXPECT_NE(listener->address().port, 0);
}

TEST(Listener, AcceptsMoreConnectionsThanItTakesInOneBatch) {
  SocketWorld world;
  auto listener = world.listen(kAnyPort);
  std::vector<std::unique_ptr<Transport>> clients;
  std::vector<std::unique_ptr<Child<Result<std::unique_ptr<Transport>>>>> connecting;
  for (int i = 0; i < 200; ++i) {
    connecting.push_back(std::make_unique<Child<Result<std::unique_ptr<Transport>>>>(
        world.loop, world.connector.connect(listener->address(), kNever)));
  }
  EXPECT_TRUE(world.until([&] { return world.accepted.size() == 200; }));
  for (auto& c : connecting)
    EXPECT_TRUE(c->finished() && c->result()->has_value());
  EXPECT_EQ(listener->accept_failures(), 0u);
}

TEST(Listener, ADestroyedOneTakesNoMoreConnections) {
  SocketWorld world;
  auto listener = world.listen(kAnyPort);
  const Address address = listener->address();
  world.loop.poll();
  listener.reset();
  const auto refused = world.connect(address);
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().kind, ErrorKind::kConnectFailed);
  // Not "reset", which would mean that the kernel still took the connection.
  EXPECT_NE(refused.error().detail().find("refused"), std::string::npos) << refused.error().detail();
}

TEST(Listener, APortInUseIsAnErrorThatNamesItAndTheReason) {
  ListenOptions alone;
  alone.reuse_port = false;
  const auto first = ListenSocket::bind(kAnyPort, alone);
  ASSERT_TRUE(first.has_value());
  const auto second = ListenSocket::bind(first->address(), alone);
  ASSERT_FALSE(second.has_value());
  EXPECT_EQ(second.error().kind, ErrorKind::kConfig);
  EXPECT_NE(second.error().detail().find(first->address().to_string()), std::string::npos);
  EXPECT_NE(second.error().detail().find("in use"), std::string::npos) << second.error().detail();
}

TEST(Listener, ANameIsNotAnAddressToListenOn) {
  const auto named = ListenSocket::bind(Address::tcp("localhost", 0), {});
  ASSERT_FALSE(named.has_value());
  EXPECT_EQ(named.error().kind, ErrorKind::kConfig);
}

TEST(Listener, TwoSocketsShareAPortAndBothAccept) {
  SocketWorld world;
  const auto first = world.listen(kAnyPort);
  std::vector<std::unique_ptr<Transport>> by_second;
  Result<ListenSocket> socket = ListenSocket::bind(first->address(), {});
  ASSERT_TRUE(socket.has_value()) << socket.error().detail();
  Listener second(world.loop, std::move(*socket),
                  [&](std::unique_ptr<Transport> t) { by_second.push_back(std::move(t)); });
  std::vector<std::unique_ptr<Transport>> clients;
  // The kernel hashes the four-tuple: a hundred connections all on one side has odds of 2^-99.
  for (int i = 0; i < 100; ++i) {
    auto client = world.connect(first->address());
    ASSERT_TRUE(client.has_value());
    clients.push_back(std::move(*client));
  }
  EXPECT_TRUE(world.until([&] { return world.accepted.size() + by_second.size() == 100; }));
  EXPECT_FALSE(world.accepted.empty());
  EXPECT_FALSE(by_second.empty());
}

TEST(Listener, AUnixSocketThatACrashLeftBehindIsReplaced) {
  TemporaryFolder folder;
  const Address address = Address::unix_socket(folder.file());
  const auto target = numeric_socket_address(address);
  const int crashed = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  ASSERT_EQ(::bind(crashed, target->get(), target->length), 0);
  ASSERT_EQ(::listen(crashed, 1), 0);
  ::close(crashed);
  struct stat status{};
  ASSERT_EQ(::stat(folder.file().c_str(), &status), 0) << "the file stays behind";
  SocketWorld world;
  const auto listener = world.listen(address);
  ASSERT_NE(listener, nullptr);
  EXPECT_NE(world.connected(address).far, nullptr);
}

TEST(Listener, AUnixSocketThatIsAliveIsNotTakenOver) {
  TemporaryFolder folder;
  const Address address = Address::unix_socket(folder.file());
  SocketWorld world;
  const auto listener = world.listen(address);
  ASSERT_NE(listener, nullptr);
  const auto second = ListenSocket::bind(address, {});
  ASSERT_FALSE(second.has_value());
  EXPECT_EQ(second.error().kind, ErrorKind::kConfig);
  EXPECT_NE(world.connected(address).far, nullptr) << "the first still serves";
}

TEST(Listener, ALiveUnixSocketWithAFullBacklogIsNeitherTakenOverNorWaitedFor) {
  TemporaryFolder folder;
  const Address address = Address::unix_socket(folder.file());
  ListenOptions small;
  small.backlog = 0;
  const auto first = ListenSocket::bind(address, small);
  ASSERT_TRUE(first.has_value());
  const auto target = numeric_socket_address(address);
  std::vector<int> waiting;
  for (int i = 0; i < 100; ++i) {
    const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    waiting.push_back(fd);
    if (::connect(fd, target->get(), target->length) != 0) break;
  }
  EXPECT_FALSE(ListenSocket::bind(address, {}).has_value());
  struct stat status{};
  EXPECT_EQ(::stat(folder.file().c_str(), &status), 0);
  for (const int fd : waiting)
    ::close(fd);
}

TEST(Listener, AFileThatIsNoSocketIsLeftAlone) {
  TemporaryFolder folder;
  std::ofstream(folder.file()) << "precious";
  EXPECT_FALSE(ListenSocket::bind(Address::unix_socket(folder.file()), {}).has_value());
  std::ifstream in(folder.file());
  std::string content;
  in >> content;
  EXPECT_EQ(content, "precious");
}

TEST(Listener, AUnixSocketsFileGoesWithItsListenerButNotWithADuplicate) {
  TemporaryFolder folder;
  const Address address = Address::unix_socket(folder.file());
  struct stat status{};
  {
    auto first = ListenSocket::bind(address, {});
    ASSERT_TRUE(first.has_value());
    {
      const auto copy = first->duplicate();
      ASSERT_TRUE(copy.has_value());
      EXPECT_EQ(copy->address(), address);
    }
    EXPECT_EQ(::stat(folder.file().c_str(), &status), 0);
    const ListenSocket moved = std::move(*first);
  }
  EXPECT_NE(::stat(folder.file().c_str(), &status), 0);
}

TEST(Listener, APathTooLongForASocketIsRefused) {
  EXPECT_FALSE(ListenSocket::bind(Address::unix_socket("/tmp/" + std::string(200, 'x')), {}).has_value());
}

TEST(Listener, PausesWhenDescriptorsRunOutAndGoesOnWhenSomeAreFree) {
  SocketWorld world;
  auto listener = world.listen(kAnyPort);
  // UBSan's type checks open a pipe for a type they meet first, so every type of the path is met beforehand:
  // accepting and a timer.
  const SocketWorld::Pair warm = world.connected(listener->address());
  ASSERT_NE(warm.far, nullptr);
  Timer timer([](void*) {}, nullptr);
  world.loop.arm(timer, world.time.now() + std::chrono::milliseconds(100));
  world.loop.poll();
  Child<Result<std::unique_ptr<Transport>>> connecting(world.loop,
                                                       world.connector.connect(listener->address(), kNever));
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  const int probe = ::fcntl(0, F_DUPFD_CLOEXEC, 0);  // the lowest free descriptor
  ASSERT_GE(probe, 0);
  ::close(probe);
  rlimit none = before;
  none.rlim_cur = static_cast<rlim_t>(probe);
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
  const bool paused = world.until([&] { return listener->accept_failures() == 1; });
  for (int i = 0; i < 100; ++i)
    world.loop.poll();
  EXPECT_EQ(listener->accept_failures(), 1u) << "it does not spin";
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
  EXPECT_TRUE(paused);
  EXPECT_TRUE(world.accepted.empty());
  world.time.advance(std::chrono::milliseconds(110));
  world.loop.expire();
  EXPECT_TRUE(world.until([&] { return world.accepted.size() == 1; }));
}

TEST(SocketAddress, RoundTripsEveryFamily) {
  for (const Address& address :
       {Address::tcp("127.0.0.1", 80), Address::tcp("::1", 8080), Address::unix_socket("/run/x.sock")}) {
    const auto target = numeric_socket_address(address);
    ASSERT_TRUE(target.has_value());
    EXPECT_EQ(to_address(*target), address);
    EXPECT_EQ(to_string(*target), address.to_string());
  }
  EXPECT_FALSE(numeric_socket_address(Address::tcp("example.org", 80)).has_value());
  EXPECT_FALSE(numeric_socket_address(Address::tcp("1.2.3", 80)).has_value());
}

TEST(Listener, AnAdoptedSocketServesWhatWaitsInItsQueue) {
  SocketWorld world;
  auto bound = ListenSocket::bind(kAnyPort, {});
  ASSERT_TRUE(bound.has_value());
  const Address address = bound->address();
  auto client = world.connect(address);
  ASSERT_TRUE(client.has_value());
  auto adopted = ListenSocket::adopt(bound->release());
  ASSERT_TRUE(adopted.has_value()) << adopted.error().detail();
  EXPECT_EQ(adopted->address(), address);
  const Listener listener(world.loop, std::move(*adopted),
                          [&](std::unique_ptr<Transport> t) { world.accepted.push_back(std::move(t)); });
  EXPECT_TRUE(world.until([&] { return world.accepted.size() == 1; }));
}

TEST(Listener, ADescriptorThatDoesNotListenIsNotAdoptedAndClosed) {
  int pipe_ends[2];
  ASSERT_EQ(::pipe(pipe_ends), 0);
  const auto adopted = ListenSocket::adopt(pipe_ends[0]);
  ASSERT_FALSE(adopted.has_value());
  EXPECT_EQ(adopted.error().kind, ErrorKind::kConfig);
  EXPECT_EQ(::fcntl(pipe_ends[0], F_GETFD), -1);
  ::close(pipe_ends[1]);
}

TEST(Listener, ALeftUnixSocketKeepsItsFile) {
  TemporaryFolder folder;
  const Address address = Address::unix_socket(folder.file());
  {
    auto socket = ListenSocket::bind(address, {});
    ASSERT_TRUE(socket.has_value());
    socket->leave_path();
  }
  struct stat status{};
  EXPECT_EQ(::stat(folder.file().c_str(), &status), 0);
}

}  // namespace
}  // namespace sluice
