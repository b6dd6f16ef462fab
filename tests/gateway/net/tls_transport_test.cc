#include "gateway/net/tls_transport.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/gateway/net/tls_pair.h"

namespace sluice {
namespace {

using Status = IoResult::Status;

class TlsTransportTest : public ::testing::Test {
 protected:
  void establish(std::size_t capacity = 256 * 1024) {
    pair_.capacity = capacity;
    pair_.handshake();
    ASSERT_TRUE(pair_.established());
  }
  TlsTransport& client() { return *pair_.client; }
  TlsTransport& server() { return *pair_.server; }
  std::size_t blocks() { return pair_.loop.buffers().blocks_in_use(); }

  static Task<bool> readable(Transport& t) {
    const bool in_time = co_await t.readable(kNever);
    co_return in_time;
  }
  static Task<bool> writable(Transport& t) {
    const bool in_time = co_await t.writable(kNever);
    co_return in_time;
  }

  TlsPair pair_;
};

class Notice final : public HangupListener {
 public:
  void on_hangup() override { ++count; }
  int count = 0;
};

TEST_F(TlsTransportTest, CarriesBytesBothWays) {
  establish();
  EXPECT_EQ(TlsPair::write(client(), "question").bytes, 8u);
  EXPECT_EQ(TlsPair::read(server()), "question");
  EXPECT_EQ(TlsPair::write(server(), "answer").bytes, 6u);
  EXPECT_EQ(TlsPair::read(client()), "answer");
  EXPECT_EQ(blocks(), 0u);
}

TEST_F(TlsTransportTest, GathersPiecesInOneRecordThatLeavesAtOnce) {
  establish();
  (void)TlsPair::read(client());
  const std::string_view pieces[] = {"5\r\n", "token", "", "\r\n"};
  EXPECT_EQ(server().try_write(pieces).bytes, 10u);
  // Its head, content type and tag, and not four times that.
  std::string wire(1000, '\0');
  const IoResult r = pair_.client_wire->try_read(wire);
  EXPECT_EQ(r.bytes, 5u + 10u + 1u + 16u);
}

TEST_F(TlsTransportTest, ManyRecordsLeaveInFewWrites) {
  establish();
  std::string sent;
  for (int i = 0; i < 60'000; ++i)
    sent.push_back(static_cast<char>('a' + i % 23));
  const std::string_view pieces[] = {"head", std::string_view(sent).substr(0, 1),
                                     std::string_view(sent).substr(1)};
  EXPECT_EQ(client().try_write(pieces).bytes, sent.size() + 4);
  EXPECT_EQ(TlsPair::read(server()), "head" + sent);
  EXPECT_EQ(blocks(), 0u);
}

TEST_F(TlsTransportTest, ReportsOnlyWhatHasLeftAndGoesOnFromThere) {
  establish(3000);
  (void)TlsPair::read(client());
  std::string sent;
  for (int i = 0; i < 300'000; ++i)
    sent.push_back(static_cast<char>('a' + i % 23));
  std::string received;
  std::size_t reported = 0;
  int blocked = 0;
  while (reported < sent.size()) {
    const IoResult r = TlsPair::write(server(), std::string_view(sent).substr(reported));
    ASSERT_NE(r.status, Status::kBroken);
    if (r.status == Status::kWouldBlock) ++blocked;
    reported += r.bytes;
    // Nothing is reported before its record is in the client's hands.
    received += TlsPair::read(client());
    ASSERT_LE(reported, received.size() + 3000);
  }
  received += TlsPair::read(client());
  EXPECT_GT(blocked, 10);
  EXPECT_EQ(received, sent);
  EXPECT_EQ(blocks(), 0u);
}

TEST_F(TlsTransportTest, AWriterWaitsForRoomBelow) {
  establish(3000);
  (void)TlsPair::read(client());
  ASSERT_EQ(TlsPair::write(server(), std::string(10'000, 'x')).status, Status::kWouldBlock);
  Child<bool> writer(pair_.loop, writable(server()));
  pair_.loop.poll();
  EXPECT_FALSE(writer.finished());
  (void)TlsPair::read(client());
  pair_.loop.poll();
  EXPECT_TRUE(writer.finished());
}

TEST_F(TlsTransportTest, AReaderIsWokenForWhatCameWithTheHandshake) {
  pair_.connect();
  Child<TlsPair::Outcome> theirs(pair_.loop, client().handshake(kNever));
  Child<TlsPair::Outcome> ours(pair_.loop, server().handshake(kNever));
  while (!theirs.finished())
    pair_.loop.poll();
  (void)TlsPair::write(client(), "early");
  while (!ours.finished())
    pair_.loop.poll();
  Child<bool> reader(pair_.loop, readable(server()));
  pair_.loop.poll();
  EXPECT_TRUE(reader.finished());
  EXPECT_EQ(TlsPair::read(server()), "early");
}

TEST_F(TlsTransportTest, BytesThatAReadLeavesWakeTheNextReader) {
  establish();
  (void)TlsPair::write(client(), "abcdef");
  char three[3];
  EXPECT_EQ(server().try_read(three).bytes, 3u);
  Child<bool> reader(pair_.loop, readable(server()));
  pair_.loop.poll();
  EXPECT_TRUE(reader.finished());
  EXPECT_EQ(TlsPair::read(server()), "def");
}

TEST_F(TlsTransportTest, EveryByteBoundaryWillDo) {
  establish();
  pair_.server_wire->limit_reads(1);
  (void)TlsPair::write(client(), std::string(300, 'b'));
  std::string got;
  while (got.size() < 300) {
    Child<bool> reader(pair_.loop, readable(server()));
    pair_.loop.poll();
    ASSERT_TRUE(reader.finished());
    got += TlsPair::read(server());
  }
  EXPECT_EQ(got, std::string(300, 'b'));
}

// A pool closes an idle connection that has something to say; tickets are not that.
TEST_F(TlsTransportTest, TicketsDoNotWakeAReader) {
  pair_.server_options.tickets = std::make_shared<TlsTicketKeys>(pair_.time, std::chrono::hours(1));
  establish();
  Child<bool> reader(pair_.loop, readable(client()));
  pair_.loop.poll();
  EXPECT_FALSE(reader.finished());
  EXPECT_EQ(pair_.sessions->size(), 1u);
  (void)TlsPair::write(server(), "x");
  pair_.loop.poll();
  EXPECT_TRUE(reader.finished());
}

TEST_F(TlsTransportTest, WhatThePeerSentBeforeItLeftCanBeReadAfterAWriteFailed) {
  establish();
  (void)TlsPair::write(server(), "an early answer");
  pair_.server->close();
  EXPECT_EQ(TlsPair::write(client(), "the rest of an upload").status, Status::kBroken);
  EXPECT_EQ(TlsPair::read(client()), "an early answer");
  EXPECT_EQ(TlsPair::last_status, Status::kEnd);
}

TEST_F(TlsTransportTest, CloseNotifyIsTheEnd) {
  establish();
  (void)TlsPair::write(client(), "last");
  client().close();
  EXPECT_EQ(TlsPair::read(server()), "last");
  EXPECT_EQ(TlsPair::last_status, Status::kEnd);
  EXPECT_EQ(TlsPair::write(client(), "x").status, Status::kBroken);
}

TEST_F(TlsTransportTest, AHalfCloseSaysGoodbyeAndStillReads) {
  establish();
  (void)TlsPair::read(client());
  client().shutdown_write();
  EXPECT_EQ(TlsPair::read(server()), "");
  EXPECT_EQ(TlsPair::last_status, Status::kEnd);
  (void)TlsPair::write(server(), "still");
  EXPECT_EQ(TlsPair::read(client()), "still");
}

TEST_F(TlsTransportTest, AnEndWithoutGoodbyeIsATruncation) {
  establish();
  (void)TlsPair::write(client(), "half");
  client().inner().shutdown_write();
  EXPECT_EQ(TlsPair::read(server()), "half");
  EXPECT_EQ(TlsPair::last_status, Status::kBroken);
}

TEST_F(TlsTransportTest, AServersCutAnswerDoesNotLookWhole) {
  establish();
  (void)TlsPair::write(server(), "half");
  pair_.server.reset();
  EXPECT_EQ(TlsPair::read(client()), "half");
  EXPECT_EQ(TlsPair::last_status, Status::kBroken);
}

TEST_F(TlsTransportTest, ChangedBytesBreakTheConnection) {
  establish();
  (void)TlsPair::write(client().inner(), std::string("\x17\x03\x03\x00\x20", 5) + std::string(32, 'x'));
  EXPECT_EQ(TlsPair::read(server()), "");
  EXPECT_EQ(TlsPair::last_status, Status::kBroken);
  EXPECT_EQ(TlsPair::write(server(), "x").status, Status::kBroken);
}

TEST_F(TlsTransportTest, ADepartureIsHeardInTheSameTurnWhileNobodyReads) {
  establish();
  Notice notice;
  server().set_hangup_listener(&notice);
  (void)TlsPair::write(client(), "unread");
  client().close();
  pair_.loop.poll();
  EXPECT_EQ(notice.count, 1);
  EXPECT_TRUE(server().hung_up());
}

// A server whose client says goodbye and leaves its socket open: the test carries the bytes between them.
class GoodbyeTest : public ::testing::Test, private HangupListener {
 protected:
  GoodbyeTest() {
    auto [near, client_far] = MemoryTransport::pair(pair_.loop);
    auto [server_far, far] = MemoryTransport::pair(pair_.loop);
    client_far_ = std::move(client_far);
    server_far_ = std::move(server_far);
    pair_.client = TlsTransport::client(std::move(near), test_client(pair_.client_options), "site.test",
                                        pair_.sessions, "server");
    pair_.server = TlsTransport::server(std::move(far), test_server(pair_.server_options));
    Child<TlsPair::Outcome> theirs(pair_.loop, pair_.client->handshake(kNever));
    Child<TlsPair::Outcome> ours(pair_.loop, pair_.server->handshake(kNever));
    for (int i = 0; i < 5; ++i)
      carry();
    EXPECT_TRUE(theirs.finished() && ours.finished());
    pair_.server->set_hangup_listener(this);
  }
  // The bytes, and never the end.
  void carry() {
    pair_.loop.poll();
    TlsPair::write(*server_far_, TlsPair::read(*client_far_));
    TlsPair::write(*client_far_, TlsPair::read(*server_far_));
    pair_.loop.poll();
  }
  void on_hangup() override { ++hangups_; }

  TlsPair pair_;
  std::unique_ptr<MemoryTransport> client_far_;
  std::unique_ptr<MemoryTransport> server_far_;
  int hangups_ = 0;
};

TEST_F(GoodbyeTest, IsHeardInTheSameTurnWhileNobodyReads) {
  TlsPair::write(*pair_.client, "request");
  carry();
  EXPECT_EQ(TlsPair::read(*pair_.server), "request");
  pair_.server->watch_for_goodbye();
  carry();
  EXPECT_EQ(hangups_, 0);
  EXPECT_EQ(TlsPair::write(*pair_.server, "part of an answer").status, IoResult::Status::kOk);
  pair_.client->close();
  carry();
  EXPECT_EQ(hangups_, 1);
  EXPECT_TRUE(pair_.server->hung_up());
}

TEST_F(GoodbyeTest, ThatCameWithTheRequestIsHeardToo) {
  TlsPair::write(*pair_.client, "request");
  pair_.client->close();
  carry();
  char buffer[7];
  EXPECT_EQ(pair_.server->try_read(buffer).bytes, 7u);
  pair_.server->watch_for_goodbye();
  carry();
  EXPECT_EQ(hangups_, 1);
}

TEST_F(GoodbyeTest, IsNotHeardBehindBytesThatNobodyReads) {
  pair_.server->watch_for_goodbye();
  TlsPair::write(*pair_.client, "pipelined");
  carry();
  pair_.client->close();
  carry();
  EXPECT_EQ(hangups_, 0);
  EXPECT_EQ(TlsPair::read(*pair_.server), "pipelined");
  EXPECT_EQ(TlsPair::last_status, IoResult::Status::kEnd);
}

TEST_F(GoodbyeTest, IsAnEndAndNothingElseForAReader) {
  pair_.server->watch_for_goodbye();
  carry();
  Child<bool> readable(
      pair_.loop, [](Transport& t) -> Task<bool> { co_return co_await t.readable(kNever); }(*pair_.server));
  pair_.client->close();
  carry();
  EXPECT_TRUE(readable.finished());
  EXPECT_EQ(hangups_, 0);
  char buffer[1];
  EXPECT_EQ(pair_.server->try_read(buffer).status, IoResult::Status::kEnd);
}

TEST_F(TlsTransportTest, ClosingEndsTheWaits) {
  establish();
  Child<bool> reader(pair_.loop, readable(server()));
  pair_.loop.poll();
  server().close();
  pair_.loop.poll();
  EXPECT_TRUE(reader.finished());
  EXPECT_EQ(TlsPair::read(server()), "");
  EXPECT_EQ(TlsPair::last_status, Status::kBroken);
}

TEST_F(TlsTransportTest, AResetReachesTheOtherSideAsOne) {
  establish();
  (void)TlsPair::write(client(), "x");
  client().reset();
  EXPECT_EQ(TlsPair::read(server()), "");
  EXPECT_EQ(TlsPair::last_status, Status::kBroken);
}

TEST_F(TlsTransportTest, ANoticePostedToADestroyedTransportIsDropped) {
  establish();
  (void)TlsPair::write(client(), "abcdef");
  char three[3];
  (void)server().try_read(three);
  {
    Child<bool> reader(pair_.loop, readable(server()));
  }
  pair_.server.reset();
  pair_.loop.poll();
}

}  // namespace
}  // namespace sluice
