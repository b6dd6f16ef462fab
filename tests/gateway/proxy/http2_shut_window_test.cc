// A client over HTTP/2 that opens its windows little or not at all costs next to nothing, however much the
// backends have for it.

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "gateway/http/stream.h"
#include "tests/gateway/http/http2/test_peer.h"
#include "tests/gateway/proxy/http2_rig.h"
#include "tests/support/memory_gateway.h"

namespace sluice::test {
namespace {

constexpr std::size_t kWire = 32 * 1024;  // what the network itself holds of a backend's answer

class ShutWindowTest : public ::testing::Test {
 protected:
  static constexpr std::size_t kStreams = 20;
  static constexpr std::size_t kAnswer = 40'000;
  // Least that is read at once, a head among it.
  static constexpr std::size_t kHeld = Room::kLeast;

  // A client with that window for each stream, whose requests have all reached the backend.
  void ask(std::uint32_t window) {
    gateway_.network.set_capacity(kWire);
    client_.emplace(gateway_.t, gateway_.connect_http2(), window);
    for (std::size_t i = 0; i < kStreams; ++i)
      ids_.push_back(client_->get("/large"));
    client_->turn();
    while (auto backend = gateway_.network.take("one:1")) {
      backend->received();
      backends_.push_back(std::move(backend));
    }
    ASSERT_EQ(backends_.size(), kStreams);
  }
  // The backends send what they can; returns what the gateway has taken of it, of all streams.
  std::size_t answer() {
    std::size_t taken = 0;
    for (std::size_t round = 0; round < 100; ++round) {
      taken = 0;
      for (std::size_t i = 0; i < kStreams; ++i) {
        std::size_t& sent = sent_[i];
        const std::string_view all = whole();
        if (sent < all.size()) sent += backends_[i]->send(all.substr(sent));
        taken += sent - std::min(sent, kWire);
      }
      client_->turn();
    }
    return taken;
  }
  static std::string_view whole() {
    static const std::string answer = "HTTP/1.1 200 OK\r\ncontent-length: " + std::to_string(kAnswer) +
                                      "\r\n\r\n" + std::string(kAnswer, 'x');
    return answer;
  }

  MemoryGateway gateway_;
  std::optional<http2::test::TestPeer> client_;
  std::vector<std::int32_t> ids_;
  std::vector<std::unique_ptr<BackendEnd>> backends_;
  std::size_t sent_[kStreams] = {};
};

TEST_F(ShutWindowTest, WhatAClientHasNoWindowForStaysWithTheBackends) {
  ask(0);
  EXPECT_LE(answer(), kStreams * kHeld);
  EXPECT_EQ(client_->answer(ids_[0]).status, 200) << "a head needs no window";
  EXPECT_EQ(gateway_.loop.buffers().blocks_in_use(), 0u);
  for (const std::int32_t id : ids_)
    client_->widen(id, kAnswer);
  answer();
  for (const std::int32_t id : ids_)
    EXPECT_EQ(client_->answer(id).body, std::string(kAnswer, 'x'));
}

TEST_F(ShutWindowTest, TheConnectionsWindowIsSharedByAllThatIsHeld) {
  ask(1'000'000);
  client_->hold_windows();
  // 64 KiB of them the client gets.
  EXPECT_LE(answer(), 65'535 + kStreams * 2 * kHeld);
  EXPECT_LE(gateway_.loop.buffers().blocks_in_use(), 1u) << "of the one whose window the others have used up";
}

TEST_F(ShutWindowTest, AWindowThatOpensByteByByteLetsThroughAsMuch) {
  ask(0);
  client_->hold_windows();
  answer();
  for (int i = 1; i <= 100; ++i) {
    client_->widen(ids_[0], 1);
    client_->turn();
    ASSERT_EQ(client_->answer(ids_[0]).body.size(), static_cast<std::size_t>(i));
  }
  EXPECT_LE(answer(), kStreams * 2 * kHeld);
}

class WaitingClientTest : public ::testing::TestWithParam<UpstreamProtocol> {};

// As over HTTP/1: a client that reads nothing for longer than a backend may be silent does not make it late.
TEST_P(WaitingClientTest, TheTimeThatAWindowIsShutIsNotHeldAgainstTheBackend) {
  using std::chrono::milliseconds;
  using std::chrono::seconds;
  MemoryGateway gateway({.clusters = {{.pool = {.protocol = GetParam()}}},
                         .routes = {{.timeouts = {.between_tokens = seconds(2)}}}});
  http2::test::TestPeer client(gateway.t, gateway.connect_http2(), 10);
  client.hold_windows();
  const std::int32_t id = client.get("/v1/x");
  client.turn();
  EitherBackend backend(GetParam());
  ASSERT_TRUE(backend.take(gateway.network));
  gateway.t.turn();
  backend.turn();
  gateway.t.turn();
  backend.turn();
  backend.head("text/event-stream");
  backend.write(kEvent);
  for (int i = 0; i < 3; ++i) {
    backend.turn();
    client.turn();
  }
  ASSERT_EQ(client.answer(id).body.size(), 10u);
  gateway.t.advance(seconds(30));
  EXPECT_TRUE(gateway.sink.records.empty());
  client.widen(id, 10'000);
  client.turn();
  EXPECT_EQ(client.answer(id).body, kEvent);
  gateway.t.advance(milliseconds(1900));
  EXPECT_TRUE(gateway.sink.records.empty()) << "counted from when the client was ready again";
  backend.write(kEvent);
  backend.finish();
  for (int i = 0; i < 3; ++i) {
    backend.turn();
    client.turn();
  }
  EXPECT_EQ(client.answer(id).body, kEvent + kEvent);
  EXPECT_TRUE(client.answer(id).ended);
}

INSTANTIATE_TEST_SUITE_P(Backends, WaitingClientTest,
                         ::testing::Values(UpstreamProtocol::kHttp1, UpstreamProtocol::kH2c),
                         [](const auto& info) {
                           return info.param == UpstreamProtocol::kHttp1 ? "http1" : "http2";
                         });

}  // namespace
}  // namespace sluice::test
