#include "gateway/net/tcp_transport.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <functional>
#include <optional>
#include <string>

#include "tests/gateway/net/socket_world.h"

namespace sluice {
namespace {

using Status = IoResult::Status;

struct HangupNote final : HangupListener {
  int heard = 0;
  void on_hangup() override { ++heard; }
};

Task<bool> wait_readable(Transport& t, TimePoint deadline) {
  const bool in_time = co_await t.readable(deadline);
  co_return in_time;
}
Task<bool> wait_writable(Transport& t, TimePoint deadline) {
  const bool in_time = co_await t.writable(deadline);
  co_return in_time;
}

// The same behaviour over IPv4, IPv6 and Unix sockets.
class TcpTransportTest : public ::testing::TestWithParam<std::string> {
 protected:
  TcpTransportTest() {
    listener_ = world_.listen(address());
    if (listener_) pair_ = world_.connected(listener_->address());
  }
  Address address() const {
    if (GetParam() == "Unix") return Address::unix_socket(folder_.file());
    return Address::tcp(GetParam() == "V6" ? "::1" : "127.0.0.1", 0);
  }
  void SetUp() override {
    ASSERT_NE(listener_, nullptr);
    ASSERT_NE(pair_.near, nullptr);
    ASSERT_NE(pair_.far, nullptr);
  }
  Transport& near() { return *pair_.near; }
  Transport& far() { return *pair_.far; }
  // Until nothing more can be written.
  static void fill(Transport& transport) {
    const std::string block(64 * 1024, 'f');
    const std::string_view pieces[] = {block};
    while (transport.try_write(pieces).status == Status::kOk) {
    }
  }

  TemporaryFolder folder_;
  SocketWorld world_;
  std::unique_ptr<Listener> listener_;
  SocketWorld::Pair pair_;
};

TEST_P(TcpTransportTest, BytesGoBothWays) {
  char buffer[16];
  EXPECT_EQ(near().try_read(buffer).status, Status::kWouldBlock);
  const std::string_view pieces[] = {"he", "", "llo"};
  EXPECT_EQ(near().try_write(pieces).bytes, 5u);
  EXPECT_EQ(world_.read(far(), 5), "hello");
  EXPECT_EQ(world_.write(far(), "answer"), 6u);
  EXPECT_EQ(world_.read(near(), 6), "answer");
}

TEST_P(TcpTransportTest, PeersAreNamed) {
  if (GetParam() == "Unix") {
    EXPECT_EQ(far().peer(), "unix");
  } else {
    EXPECT_EQ(near().peer(), listener_->address().to_string());
    EXPECT_TRUE(far().peer().starts_with(GetParam() == "V6" ? "[::1]:" : "127.0.0.1:")) << far().peer();
  }
}

TEST_P(TcpTransportTest, AWaiterIsWokenByBytesAndHearsOfADeadline) {
  Child<bool> reader(world_.loop, wait_readable(far(), world_.time.now() + std::chrono::seconds(5)));
  world_.loop.poll();
  EXPECT_FALSE(reader.finished());
  world_.write(near(), "x");
  ASSERT_TRUE(world_.until([&] { return reader.finished(); }));
  EXPECT_EQ(reader.result(), true);
  EXPECT_EQ(world_.read(far(), 1), "x");

  Child<bool> late(world_.loop, wait_readable(far(), world_.time.now() + std::chrono::seconds(5)));
  world_.time.advance(std::chrono::seconds(6));
  world_.loop.expire();
  EXPECT_EQ(late.result(), false);
  // The registration that the deadline left behind serves the next wait.
  Child<bool> next(world_.loop, wait_readable(far(), kNever));
  world_.write(near(), "y");
  EXPECT_TRUE(world_.until([&] { return next.finished(); }));
}

TEST_P(TcpTransportTest, AFullSocketBlocksTheWriterUntilThePeerReads) {
  const std::string block(64 * 1024, 'b');
  std::size_t sent = 0;
  const std::string_view pieces[] = {block};
  for (int i = 0; i < 10'000; ++i) {
    const IoResult r = near().try_write(pieces);
    if (r.status == Status::kWouldBlock) break;
    ASSERT_EQ(r.status, Status::kOk);
    sent += r.bytes;
  }
  Child<bool> writer(world_.loop, wait_writable(near(), kNever));
  world_.loop.poll();
  EXPECT_FALSE(writer.finished());
  EXPECT_EQ(world_.read(far(), sent).size(), sent);
  EXPECT_TRUE(world_.until([&] { return writer.finished(); }));
}

TEST_P(TcpTransportTest, AnOrderlyEndIsReadAsAnEnd) {
  world_.write(near(), "last");
  near().close();
  EXPECT_EQ(world_.read(far(), 4), "last");
  EXPECT_EQ(world_.next_status(far()), Status::kEnd);
}

TEST_P(TcpTransportTest, AHalfCloseEndsOneDirectionOnly) {
  near().shutdown_write();
  EXPECT_EQ(world_.next_status(far()), Status::kEnd);
  EXPECT_EQ(world_.write(far(), "still"), 5u);
  EXPECT_EQ(world_.read(near(), 5), "still");
}

TEST_P(TcpTransportTest, AResetIsNoEnd) {
  if (GetParam() == "Unix") {
    // A Unix socket has no reset of its own; unread bytes on the resetting side make one.
    world_.write(far(), "unread");
  }
  near().reset();
  EXPECT_EQ(world_.next_status(far()), Status::kBroken);
}

TEST_P(TcpTransportTest, WritingToAPeerThatIsGoneBreaksWithoutASignal) {
  near().close();
  ASSERT_EQ(world_.next_status(far()), Status::kEnd);
  const std::string_view pieces[] = {"x"};
  EXPECT_TRUE(world_.until([&] { return far().try_write(pieces).status == Status::kBroken; }));
}

TEST_P(TcpTransportTest, AHangUpIsHeardBehindUnreadBytes) {
  HangupNote note;
  far().set_hangup_listener(&note);
  world_.write(near(), std::string(100'000, 'u'));
  world_.loop.poll();
  EXPECT_EQ(note.heard, 0);
  EXPECT_FALSE(far().hung_up());
  near().close();
  EXPECT_TRUE(world_.until([&] { return note.heard == 1; }));
  EXPECT_TRUE(far().hung_up());
}

TEST_P(TcpTransportTest, AHalfCloseAndAResetAreHangUpsToo) {
  HangupNote half;
  far().set_hangup_listener(&half);
  near().shutdown_write();
  EXPECT_TRUE(world_.until([&] { return half.heard == 1; }));

  SocketWorld::Pair other = world_.connected(listener_->address());
  HangupNote reset;
  other.far->set_hangup_listener(&reset);
  other.near->reset();
  EXPECT_TRUE(world_.until([&] { return reset.heard == 1; }));
}

TEST_P(TcpTransportTest, OurOwnHalfCloseIsNoHangUp) {
  HangupNote note;
  far().set_hangup_listener(&note);
  far().shutdown_write();
  EXPECT_EQ(world_.next_status(near()), Status::kEnd);
  for (int i = 0; i < 100; ++i)
    world_.loop.poll();
  EXPECT_EQ(note.heard, 0);
}

// The reactor tells of each edge once, so the next ones are about what must not get lost between two of them.

// Reads once for each time it is woken, as the codecs do after a read that was not filled.
Task<std::size_t> bytes_until_end(Transport& transport) {
  std::size_t bytes = 0;
  for (;;) {
    co_await transport.readable(kNever);
    char buffer[64];
    const IoResult r = transport.try_read(buffer);
    if (r.status == Status::kEnd || r.status == Status::kBroken) co_return bytes;
    bytes += r.bytes;
  }
}

TEST_P(TcpTransportTest, AnEndThatCameWithTheBytesInFrontOfItIsHeard) {
  // Whoever waits is woken by the one edge of both, and its read takes the bytes alone.
  for (const bool accepted_reads : {true, false}) {
    SocketWorld::Pair pair = world_.connected(listener_->address());
    Transport& from = accepted_reads ? *pair.near : *pair.far;
    Transport& to = accepted_reads ? *pair.far : *pair.near;
    Child<std::size_t> reader(world_.loop, bytes_until_end(to));
    world_.loop.poll();
    world_.write(from, "last words");
    from.close();
    ASSERT_TRUE(world_.until([&] { return reader.finished(); })) << accepted_reads;
    EXPECT_EQ(*reader.join().await_resume(), 10u);
  }
}

TEST_P(TcpTransportTest, BytesThatAShortReadLeftAreFoundByTheNextWait) {
  world_.write(near(), "abc");
  char one[1];
  ASSERT_TRUE(world_.until([&] { return far().try_read(one).status == Status::kOk; }));
  for (int left = 2; left > 0; --left) {
    Child<bool> reader(world_.loop, wait_readable(far(), kNever));
    ASSERT_TRUE(world_.until([&] { return reader.finished(); })) << left;
    ASSERT_EQ(far().try_read(one).status, Status::kOk);
  }
}

TEST_P(TcpTransportTest, BytesThatCameWhileNobodyWaitedAreFoundByALaterWait) {
  char buffer[64];
  ASSERT_EQ(far().try_read(buffer).status, Status::kWouldBlock);
  world_.write(near(), "early");
  for (int i = 0; i < 100; ++i)
    world_.loop.poll();
  Child<bool> reader(world_.loop, wait_readable(far(), kNever));
  EXPECT_TRUE(world_.until([&] { return reader.finished(); }));
}

TEST_P(TcpTransportTest, EveryWriterThatIsBlockedIsWokenNotOnlyTheFirst) {
  const std::string block(1 << 20, 'w');
  std::size_t written = 0;
  std::size_t read = 0;
  std::vector<char> buffer(1 << 18);
  for (int round = 0; round < 3; ++round) {
    for (;;) {
      const std::string_view pieces[] = {block};
      const IoResult r = near().try_write(pieces);
      if (r.status == Status::kWouldBlock) break;
      ASSERT_EQ(r.status, Status::kOk);
      written += r.bytes;
    }
    Child<bool> writer(world_.loop, wait_writable(near(), kNever));
    world_.loop.poll();
    ASSERT_FALSE(writer.finished()) << round;
    ASSERT_TRUE(world_.until([&] {
      const IoResult r = far().try_read(buffer);
      if (r.status == Status::kOk) read += r.bytes;
      return writer.finished();
    })) << round;
  }
  ASSERT_TRUE(world_.until([&] {
    const IoResult r = far().try_read(buffer);
    if (r.status == Status::kOk) read += r.bytes;
    return read == written;
  }));
  // With room there is nothing to wait for.
  Child<bool> writer(world_.loop, wait_writable(near(), kNever));
  EXPECT_TRUE(world_.until([&] { return writer.finished(); }));
}

TEST_P(TcpTransportTest, ClosingEndsTheWaitsThatArePending) {
  Child<bool> reader(world_.loop, wait_readable(far(), kNever));
  world_.loop.poll();
  ASSERT_FALSE(reader.finished());
  far().close();
  world_.loop.poll();
  EXPECT_TRUE(reader.finished());
  char buffer[8];
  EXPECT_EQ(far().try_read(buffer).status, Status::kBroken);
  const std::string_view pieces[] = {"x"};
  EXPECT_EQ(far().try_write(pieces).status, Status::kBroken);
  // Waits that begin afterwards end too.
  Child<bool> late(world_.loop, wait_readable(far(), kNever));
  Child<bool> later(world_.loop, wait_writable(far(), kNever));
  world_.loop.poll();
  EXPECT_TRUE(late.finished());
  EXPECT_TRUE(later.finished());
}

TEST_P(TcpTransportTest, DestroyingItDropsCallbacksThatAreUnderWay) {
  auto reader = std::make_unique<Child<bool>>(world_.loop, wait_readable(far(), kNever));
  world_.loop.poll();
  world_.write(near(), "x");
  reader.reset();
  pair_.far.reset();
  EXPECT_EQ(world_.next_status(near()), Status::kBroken) << "it was closed with a byte unread";
}

TEST(TcpTransport, ASocketThatThePollerHasNoRoomForEndsInsteadOfBeingTriedForEver) {
  SocketWorld world;
  int ends[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
  TcpTransport first(world.loop, ends[0], "peer", AF_UNIX);
  // A second registration of one descriptor is refused, as any is when the system has no room.
  TcpTransport second(world.loop, ends[0], "peer", AF_UNIX);
  char byte = 0;
  EXPECT_EQ(::recv(ends[1], &byte, 1, 0), 0);
  Child<bool> reader(world.loop, wait_readable(second, kNever));
  world.loop.poll();
  EXPECT_TRUE(reader.finished());
  EXPECT_EQ(second.try_read({&byte, 1}).status, Status::kEnd);
  ::close(ends[1]);
}

TEST(Hangups, HearsOfMoreHangUpsAtOnceThanItTakesInOneBatch) {
  SocketWorld world;
  auto listener = world.listen(kAnyPort);
  std::vector<SocketWorld::Pair> pairs;
  std::vector<std::unique_ptr<HangupNote>> notes;
  for (int i = 0; i < 150; ++i) {
    pairs.push_back(world.connected(listener->address()));
    ASSERT_NE(pairs.back().far, nullptr);
    notes.push_back(std::make_unique<HangupNote>());
    pairs.back().far->set_hangup_listener(notes.back().get());
  }
  for (auto& pair : pairs)
    pair.near->close();
  EXPECT_TRUE(world.until(
      [&] { return std::all_of(notes.begin(), notes.end(), [](const auto& n) { return n->heard == 1; }); }));
}

TEST(Hangups, AnOwnerMayDestroyOthersOfItsBatch) {
  SocketWorld world;
  auto listener = world.listen(kAnyPort);
  std::vector<SocketWorld::Pair> pairs;
  for (int i = 0; i < 10; ++i)
    pairs.push_back(world.connected(listener->address()));
  struct DestroysAll final : HangupListener {
    std::vector<SocketWorld::Pair>* pairs = nullptr;
    int heard = 0;
    void on_hangup() override {
      ++heard;
      for (auto& pair : *pairs) {
        if (pair.far) pair.far->set_hangup_listener(nullptr);
      }
      // All but the one that speaks, which may not be told apart: closing is enough to withdraw.
      for (auto& pair : *pairs) {
        if (pair.far && !pair.far->hung_up()) pair.far.reset();
      }
    }
  } destroyer;
  destroyer.pairs = &pairs;
  for (auto& pair : pairs)
    pair.far->set_hangup_listener(&destroyer);
  for (auto& pair : pairs)
    pair.near->close();
  EXPECT_TRUE(world.until([&] { return destroyer.heard == 1; }));
  for (int i = 0; i < 10; ++i)
    world.loop.poll();
  EXPECT_EQ(destroyer.heard, 1);
}

TEST(Hangups, ASlotTakenOverDoesNotHearOfItsFormerTenant) {
  SocketWorld world;
  auto listener = world.listen(kAnyPort);
  for (int i = 0; i < 20; ++i) {
    auto first = world.connected(listener->address());
    ASSERT_NE(first.far, nullptr);
    first.near->close();  // its event may be on the way
    first.far.reset();
    auto second = world.connected(listener->address());
    ASSERT_NE(second.far, nullptr);
    HangupNote note;
    second.far->set_hangup_listener(&note);
    for (int turn = 0; turn < 10; ++turn)
      world.loop.poll();
    EXPECT_EQ(note.heard, 0);
    second.far->set_hangup_listener(nullptr);
  }
}

// A listener that does something when it is told.
struct Told final : ReadyListener {
  void on_ready() override {
    ++count;
    if (then) then();
  }
  int count = 0;
  std::function<void()> then;
};

TEST_P(TcpTransportTest, AnEndIsToldToWhoReadsAndToWhoWrites) {
  Told reader;
  Told writer;
  fill(far());
  far().listen(Direction::kRead, &reader);
  far().listen(Direction::kWrite, &writer);
  near().reset();
  EXPECT_TRUE(world_.until([&] { return reader.count == 1 && writer.count == 1; }));
}

TEST_P(TcpTransportTest, WhoReadsMayDestroyWhatAnotherWaitsToWriteTo) {
  Told reader;
  Told writer;
  fill(far());
  reader.then = [this] { pair_.far.reset(); };
  far().listen(Direction::kRead, &reader);
  far().listen(Direction::kWrite, &writer);
  near().reset();
  EXPECT_TRUE(world_.until([&] { return reader.count == 1; }));
  world_.loop.poll();
  EXPECT_EQ(writer.count, 0);
}

TEST_P(TcpTransportTest, ClosingTellsBothSidesInTheSameTurn) {
  Told reader;
  Told writer;
  fill(far());
  far().listen(Direction::kRead, &reader);
  far().listen(Direction::kWrite, &writer);
  std::uint64_t read_in = 0;
  std::uint64_t written_in = 1;
  reader.then = [&] { read_in = world_.loop.turn(); };
  writer.then = [&] { written_in = world_.loop.turn(); };
  world_.loop.poll();
  far().close();
  world_.loop.poll();
  EXPECT_EQ(reader.count, 1);
  EXPECT_EQ(writer.count, 1);
  EXPECT_EQ(read_in, written_in);
}

INSTANTIATE_TEST_SUITE_P(Families, TcpTransportTest, ::testing::Values("V4", "V6", "Unix"),
                         [](const auto& instance) { return instance.param; });

}  // namespace
}  // namespace sluice
