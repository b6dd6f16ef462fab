#include "gateway/http/protocol_choice.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "gateway/http/http2/server_connection.h"
#include "gateway/http/http2/session.h"
#include "tests/gateway/http/http1/served_connection.h"
#include "tests/support/test_loop.h"

namespace sluice {
namespace {

using Protocol = ProtocolChoice::Protocol;
using http2::kPreface;
using std::chrono::milliseconds;
using std::chrono::seconds;

// A timer fires at most one tick after its deadline.
constexpr Duration kTick = TimerWheel::kTick;
// An empty SETTINGS frame.
constexpr std::string_view kSettings("\0\0\0\4\0\0\0\0\0", 9);

// A plain client, and the connection that finds out what it speaks and then serves it.
class ProtocolChoiceTest : public ::testing::Test {
 protected:
  ProtocolChoiceTest() {
    auto [near, far] = MemoryTransport::pair(t_.loop, 64 * 1024);
    client_ = std::move(near);
    tasks_.spawn(serve(std::move(far)));
    t_.turn();
  }
  Task<void> serve(std::unique_ptr<Transport> transport) {
    ReceivedBytes received;
    {
      ProtocolChoice choice(*transport, limits_);
      co_await choice.run();
      chosen_ = choice.protocol();
      received = choice.take_received();
    }
    if (chosen_ == Protocol::kHttp1) {
      http1::ServerConnection connection(std::move(transport), limits_, handler_, std::move(received));
      co_await connection.run();
    } else if (chosen_ == Protocol::kHttp2) {
      http2::ServerConnection connection(std::move(transport), limits_, counts_, handler_,
                                         std::move(received));
      co_await connection.run();
    }
  }
  void send(std::string_view bytes) {
    const std::string_view pieces[] = {bytes};
    client_->try_write(pieces);
    t_.turn();
  }
  std::string received() {
    char buffer[4096];
    std::string out;
    for (IoResult r = client_->try_read(buffer); r.status == IoResult::Status::kOk;
         r = client_->try_read(buffer)) {
      out.append(buffer, r.bytes);
    }
    return out;
  }
  std::uint64_t head_timeouts() const {
    return counts_.cuts[static_cast<std::size_t>(http2::Cut::kHeadTimeout)];
  }

  test::TestLoop t_;
  ServerLimits limits_;
  http2::ServerCounts counts_;
  http1::RecordingHandler handler_;
  Protocol chosen_ = Protocol::kNone;
  std::unique_ptr<MemoryTransport> client_;
  TaskGroup tasks_;
};

TEST_F(ProtocolChoiceTest, TheFirstByteThatHttp2WouldNotSendMakesItHttp1) {
  send("P");
  EXPECT_EQ(chosen_, Protocol::kNone);
  send("OST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nok");
  EXPECT_EQ(chosen_, Protocol::kHttp1);
  EXPECT_EQ(handler_.seen, std::vector<std::string>{"POST / ok"});
}

TEST_F(ProtocolChoiceTest, TheWholePrefaceInAnyPiecesMakesItHttp2) {
  for (const char byte : kPreface.substr(0, kPreface.size() - 1))
    send({&byte, 1});
  EXPECT_EQ(chosen_, Protocol::kNone);
  send(kPreface.substr(kPreface.size() - 1));
  EXPECT_EQ(chosen_, Protocol::kHttp2);
}

TEST_F(ProtocolChoiceTest, AClientThatSendsNothingIsLetGoWithoutAWordAfterIdleTimeout) {
  t_.advance(limits_.idle_timeout - milliseconds(1));
  EXPECT_EQ(tasks_.size(), 1u);
  t_.advance(milliseconds(1) + kTick);
  EXPECT_EQ(tasks_.size(), 0u);
  EXPECT_EQ(received(), "");
}

TEST_F(ProtocolChoiceTest, AClientThatStopsInsideThePrefaceIsAnswered408AfterHeadTimeout) {
  for (const std::size_t size : {std::size_t{1}, std::size_t{8}}) {
    auto [near, far] = MemoryTransport::pair(t_.loop, 64 * 1024);
    client_ = std::move(near);
    tasks_.spawn(serve(std::move(far)));
    t_.turn();
    t_.advance(seconds(30));  // silence before the first byte is no part of it
    send(kPreface.substr(0, size));
    t_.advance(limits_.head_timeout - milliseconds(1));
    EXPECT_EQ(received(), "");
    t_.advance(milliseconds(1) + kTick);
    t_.advance(kTick);
    EXPECT_EQ(received().substr(0, 13), "HTTP/1.1 408 ");
  }
  EXPECT_EQ(handler_.refused, std::vector<ErrorKind>(2, ErrorKind::kRequestTimeout));
}

TEST_F(ProtocolChoiceTest, HeadTimeoutOfHttp1CountsFromTheFirstByteOfThePrefaceThatItWasNot) {
  send("P");
  t_.advance(limits_.head_timeout - seconds(1));
  send("OST / HTT");
  EXPECT_EQ(chosen_, Protocol::kHttp1);
  t_.advance(seconds(1) + kTick);
  EXPECT_EQ(received().substr(0, 13), "HTTP/1.1 408 ");
}

TEST_F(ProtocolChoiceTest, HeadTimeoutOfHttp1CountsAnewForTheNextRequest) {
  send("P");
  t_.advance(seconds(1));
  send("OST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nok");
  t_.advance(limits_.head_timeout * 2);
  EXPECT_EQ(received().substr(0, 13), "HTTP/1.1 200 ");
  send("GET / HT");
  t_.advance(limits_.head_timeout - milliseconds(1));
  EXPECT_EQ(received(), "");
  send("TP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_EQ(received().substr(0, 13), "HTTP/1.1 200 ");
}

TEST_F(ProtocolChoiceTest, HeadTimeoutOfHttp2CountsFromThePrefacesFirstByteAndForThePrefaceOnly) {
  send(kPreface.substr(0, 1));
  t_.advance(limits_.head_timeout - seconds(1));
  send(kPreface.substr(1));
  EXPECT_EQ(chosen_, Protocol::kHttp2);
  t_.advance(seconds(1) - milliseconds(1));
  EXPECT_EQ(head_timeouts(), 0u);
  t_.advance(milliseconds(1) + kTick);
  EXPECT_EQ(head_timeouts(), 1u);
}

TEST_F(ProtocolChoiceTest, HeadTimeoutOfHttp2CountsAnewForAHeadBehindThePreface) {
  send(kPreface.substr(0, 1));
  t_.advance(limits_.head_timeout - seconds(1));
  send(std::string(kPreface.substr(1)).append(kSettings));
  t_.advance(limits_.head_timeout * 2);
  send(kSettings.substr(0, 2));
  t_.advance(limits_.head_timeout - milliseconds(1));
  EXPECT_EQ(head_timeouts(), 0u);
  t_.advance(milliseconds(1) + kTick);
  EXPECT_EQ(head_timeouts(), 1u);
}

}  // namespace
}  // namespace sluice
