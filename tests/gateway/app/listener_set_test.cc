#include "gateway/app/listener_set.h"

#include <gtest/gtest.h>

#include "gateway/runtime/signal.h"
#include "tests/gateway/net/socket_world.h"

namespace sluice {
namespace {

// Answers nothing until it is told to.
class Held final : public StreamHandler {
 public:
  explicit Held(Loop& loop) : go_(loop) {}
  Task<Result<void>> serve(ServerStream& stream) override {
    ++waiting;
    while (!released)
      (void)co_await go_.wait();
    ResponseHead head;
    head.status = 200;
    head.content_length = 2;
    Result<void> started = co_await stream.client.start(std::move(head));
    if (!started) co_return started;
    co_return co_await stream.client.finish("ok");
  }
  Task<Result<void>> refuse(RefusedRequest) override { return Result<void>(); }
  void release() {
    released = true;
    go_.notify_all();
  }

  int waiting = 0;
  bool released = false;

 private:
  Signal go_;
};

struct ListenerWorld {
  SocketWorld world;
  Held handler{world.loop};
  ListenerSet set{world.loop, handler};
  std::shared_ptr<ConnectionLimit> limit = std::make_shared<ConnectionLimit>();

  // Opens a listener of this key and returns where it listens.
  ListenerUpdate fresh(const std::string& key, Address& address) {
    auto socket = ListenSocket::bind(kAnyPort, {.reuse_port = false});
    EXPECT_TRUE(socket.has_value());
    address = socket->address();
    ListenerUpdate update{key, {}, 16, limit};
    update.sockets.push_back(std::move(*socket));
    return update;
  }
  ListenerUpdate known(const std::string& key) { return {key, {}, 16, limit}; }
  void update(ListenerUpdate a) {
    std::vector<ListenerUpdate> wanted;
    wanted.push_back(std::move(a));
    set.update(std::move(wanted), std::chrono::seconds(5));
  }
  void pass(Duration time) {
    world.time.advance(time);
    world.loop.expire();
    world.loop.poll();
  }
};

constexpr std::string_view kRequest = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";

TEST(ListenerSet, ARemovedListenerRefusesNewConnectionsAndFinishesWhatItHas) {
  ListenerWorld w;
  Address gone, kept;
  w.update(w.fresh("gone", gone));
  auto client = w.world.connect(gone);
  ASSERT_TRUE(client.has_value());
  w.world.write(**client, kRequest);
  ASSERT_TRUE(w.world.until([&] { return w.handler.waiting == 1; }));
  w.update(w.fresh("kept", kept));
  EXPECT_FALSE(w.world.connect(gone).has_value());
  EXPECT_TRUE(w.world.connect(kept).has_value());
  w.handler.release();
  EXPECT_NE(w.world.read(**client, 40).find("connection: close"), std::string::npos);
}

TEST(ListenerSet, WhatARemovedListenerHasLeftAtTheEndOfTheDrainIsCut) {
  ListenerWorld w;
  Address gone, kept;
  w.update(w.fresh("gone", gone));
  auto client = w.world.connect(gone);
  ASSERT_TRUE(client.has_value());
  w.world.write(**client, kRequest);
  ASSERT_TRUE(w.world.until([&] { return w.handler.waiting == 1; }));
  w.update(w.fresh("kept", kept));
  w.pass(std::chrono::milliseconds(4900));
  EXPECT_EQ(w.set.counts().connections, 1u);
  w.pass(std::chrono::milliseconds(200));
  EXPECT_EQ(w.set.counts().connections, 0u);
  EXPECT_NE(w.world.next_status(**client), IoResult::Status::kOk);
}

TEST(ListenerSet, CountsOutliveTheListenersThatTheyAreOf) {
  ListenerWorld w;
  Address first, second;
  w.update(w.fresh("first", first));
  auto client = w.world.connect(first);
  ASSERT_TRUE(w.world.until([&] { return w.set.counts().accepted == 1; }));
  (*client)->close();
  w.update(w.fresh("second", second));
  for (int i = 0; i < 200; ++i)
    w.pass(std::chrono::milliseconds(10));
  EXPECT_EQ(w.set.counts().connections, 0u);
  EXPECT_EQ(w.set.counts().accepted, 1u);
}

TEST(ListenerSet, AListenerThatStaysKeepsItsConnections) {
  ListenerWorld w;
  Address address;
  w.update(w.fresh("kept", address));
  auto client = w.world.connect(address);
  ASSERT_TRUE(w.world.until([&] { return w.set.counts().connections == 1; }));
  w.update(w.known("kept"));
  w.handler.release();
  w.world.write(**client, kRequest);
  const std::string answer = w.world.read(**client, 40);
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 200")) << answer;
  EXPECT_EQ(answer.find("connection: close"), std::string::npos);
}

TEST(ListenerSet, AConnectionThatWasJustAcceptedMaySendItsFirstRequestWhileDraining) {
  ListenerWorld w;
  Address address;
  w.update(w.fresh("a", address));
  w.handler.release();
  auto client = w.world.connect(address);
  ASSERT_TRUE(w.world.until([&] { return w.set.counts().connections == 1; }));
  w.set.drain();
  w.world.write(**client, kRequest);
  EXPECT_TRUE(w.world.read(**client, 40).starts_with("HTTP/1.1 200"));
}

TEST(ListenerSet, AConnectionThatSendsNoRequestIsClosedSoonAfterDrainingBegan) {
  ListenerWorld w;
  Address address;
  w.update(w.fresh("a", address));
  auto client = w.world.connect(address);
  ASSERT_TRUE(w.world.until([&] { return w.set.counts().connections == 1; }));
  w.set.drain();
  w.pass(Server::kFirstRequestTime / 2);
  EXPECT_EQ(w.set.counts().connections, 1u);
  w.pass(Server::kFirstRequestTime);
  EXPECT_EQ(w.set.counts().connections, 0u);
}

}  // namespace
}  // namespace sluice
