#include "gateway/http/http1/server_connection.h"

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>

#include "gateway/net/memory_transport.h"
#include "gateway/runtime/signal.h"
#include "gateway/runtime/task_group.h"

namespace sluice::http1 {
namespace {

// Answers with what the test says and notes what it saw.
class ScriptedHandler final : public StreamHandler {
 public:
  std::function<Task<Result<void>>(ServerStream&)> script;
  int refusals = 0;
  ErrorKind refused_as{};
  int cancelled = 0;

  Task<Result<void>> serve(ServerStream& stream) override { return script(stream); }
  Task<Result<void>> refuse(RefusedRequest refused) override {
    ++refusals;
    refused_as = refused.error.kind;
    ResponseHead head;
    head.status = traits(refused.error.kind).status;
    head.content_length = 0;
    (void)co_await refused.client.start(std::move(head));
    co_return co_await refused.client.finish({});
  }
};

class ServerConnectionTest : public ::testing::Test {
 protected:
  ServerConnectionTest() {
    auto [client, server] = MemoryTransport::pair(loop_);
    client_ = std::move(client);
    connection_ = std::make_unique<ServerConnection>(std::move(server), limits_, handler_);
    handler_.script = [](ServerStream& s) { return echo(s); };
    tasks_.spawn(connection_->run());
  }

  static Task<Result<void>> echo(ServerStream& s) {
    std::string body(name(s.head.method));
    body.append(" ").append(s.head.path()).append(s.head.query()).append(" ");
    for (;;) {
      Result<BodyPiece> piece = co_await s.body.read();
      if (!piece) co_return fail(piece.error());
      body.append(piece->bytes);
      if (piece->last) break;
    }
    ResponseHead head;
    head.content_length = body.size();
    (void)co_await s.client.start(std::move(head));
    co_return co_await s.client.finish(body);
  }

  void send(std::string_view bytes) {
    const std::string_view pieces[] = {bytes};
    ASSERT_EQ(client_->try_write(pieces).bytes, bytes.size());
    loop_.poll();
  }
  std::string receive() {
    std::string out;
    char buffer[4096];
    for (;;) {
      const IoResult r = client_->try_read(buffer);
      if (r.status != IoResult::Status::kOk) return out;
      out.append(buffer, r.bytes);
      loop_.poll();
    }
  }
  void advance(Duration by) {
    time_.advance(by);
    loop_.expire();
    loop_.poll();
  }

  ManualTime time_;
  Loop loop_{time_, 1};
  ServerLimits limits_;
  ScriptedHandler handler_;
  std::unique_ptr<MemoryTransport> client_;
  std::unique_ptr<ServerConnection> connection_;
  TaskGroup tasks_;
};

TEST_F(ServerConnectionTest, AnswersPipelinedRequestsInOrder) {
  send(
      "GET /a?x=1 HTTP/1.1\r\nHost: h\r\n\r\nPOST /b HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabcGET "
      "/c HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  const std::string got = receive();
  const auto a = got.find("GET /a?x=1 ");
  const auto b = got.find("POST /b abc");
  const auto c = got.find("GET /c ");
  EXPECT_TRUE(a < b && b < c && c != std::string::npos) << got;
  EXPECT_NE(got.find("connection: close"), std::string::npos);
}

TEST_F(ServerConnectionTest, ReadsABodyCutAtEveryByte) {
  for (const char c : std::string_view("POST /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: "
                                       "chunked\r\n\r\n3\r\nabc\r\n4;e=1\r\ndefg\r\n0\r\nx: y\r\n\r\n")) {
    send(std::string_view(&c, 1));
  }
  EXPECT_NE(receive().find("POST /x abcdefg"), std::string::npos);
}

TEST_F(ServerConnectionTest, AClientThatLeavesEndsTheWorkInTheSameTurn) {
  Signal never(loop_);
  int ended = 0;
  struct Guard {
    int& ended;
    ~Guard() { ++ended; }
  };
  handler_.script = [&](ServerStream&) -> Task<Result<void>> {
    Guard guard{ended};
    co_await never.wait();
    co_return Result<void>();
  };
  send("GET / HTTP/1.1\r\nHost: h\r\n\r\nGET /behind HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_EQ(ended, 0);
  client_->close();
  loop_.poll();
  EXPECT_EQ(ended, 1);
  EXPECT_EQ(tasks_.size(), 0u);
}

TEST_F(ServerConnectionTest, SendsContinueOnlyWhenTheBodyIsWanted) {
  send("POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_EQ(receive(), "HTTP/1.1 100 Continue\r\n\r\n");
  send("ok");
  EXPECT_NE(receive().find("POST /x ok"), std::string::npos);
}

TEST_F(ServerConnectionTest, RefusesAHeadThatTakesTooLongCountedFromItsFirstByte) {
  send("GET / HT");
  advance(std::chrono::seconds(6));
  send("TP/1.1\r\nHo");
  advance(std::chrono::seconds(5));
  EXPECT_EQ(handler_.refusals, 1);
  EXPECT_EQ(handler_.refused_as, ErrorKind::kRequestTimeout);
}

}  // namespace
}  // namespace sluice::http1
