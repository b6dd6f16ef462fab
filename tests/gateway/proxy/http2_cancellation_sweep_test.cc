// The client resets its stream, or leaves, after the k-th handler of an exchange, for every k there is.

#include <gtest/gtest.h>

#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include "tests/gateway/proxy/http2_rig.h"

namespace sluice::test {
namespace {

using http2::test::TestPeer;

struct Scenario {
  const char* name;
  bool uploads = false;  // a body that is relayed, else one that is read for the route
  std::uint32_t client_window = 65535;
  std::size_t client_capacity = 64 * 1024;
  std::size_t backend_capacity = 64 * 1024;
};

const Scenario kScenarios[] = {
    {.name = "stream"},
    {.name = "upload", .uploads = true},
    {.name = "upload_into_small_buffers", .uploads = true, .backend_capacity = 512},
    {.name = "small_windows", .client_window = 40},
    {.name = "small_client_buffer", .client_capacity = 100},
};

struct Case {
  UpstreamProtocol protocol;
  bool resets;
  const Scenario* scenario;
};

// Of an answer: its head, three events, its end.
constexpr int kPieces = 5;

class Http2CancellationSweepTest : public ::testing::TestWithParam<Case> {
 protected:
  // Runs `handlers` handlers of the exchange, and the client and the backend between them, and lets the
  // client leave. False when it had ended by then.
  static bool leave_after(int handlers) {
    const auto& [protocol, resets, scenario] = GetParam();
    GatewayPlan plan;
    plan.clusters[0].pool.protocol = protocol;
    plan.client_capacity = scenario->client_capacity;
    MemoryGateway gateway(std::move(plan));
    gateway.network.set_capacity(scenario->backend_capacity);
    EitherBackend backend(protocol);
    TestPeer peer(gateway.t, gateway.connect_http2(), scenario->client_window);
    peer.turn();
    std::int32_t id = 0;
    if (scenario->uploads) {
      id = peer.open("/files");
      peer.send_body(id, std::string(3'000, 'u'), false);
    } else {
      id = peer.post("/v1/chat/completions", "{\"model\":\"m\",\"stream\":true}");
    }
    peer.put();

    int ran = 0;
    int said = 0;
    bool ended_body = !scenario->uploads;
    while (ran < handlers && !peer.answer(id).ended) {
      const bool ready = gateway.t.step();
      if (!backend.taken()) backend.take(gateway.network);
      if (backend.taken()) backend.turn();
      if (backend.taken() && backend.body_ended() && said < kPieces) answer(backend, said++);
      peer.receive();
      if (!ready && !std::exchange(ended_body, true)) peer.send_body(id, std::string(3'000, 'v'), true);
      peer.put();
      if (ready) ++ran;
      if (!ready && said == kPieces && ended_body && !gateway.t.step()) break;
    }
    const bool ended = peer.answer(id).ended;
    if (resets) {
      peer.reset(id);
      peer.put();
    } else {
      peer.leave();
    }
    gateway.t.turn();
    // A reset waits behind what a full connection to the backend has not taken.
    for (int i = 0; backend.is_http2() && scenario->backend_capacity < 1'000 && i < 20; ++i) {
      if (backend.taken()) backend.turn();
      gateway.t.turn();
    }
    if (backend.taken() && said < kPieces) EXPECT_TRUE(backend.cancelled()) << "after handler " << handlers;
    // What the client was sent waits for it.
    if (resets) peer.turn();
    EXPECT_EQ(gateway.exchange(), nullptr) << "after handler " << handlers;
    EXPECT_EQ(gateway.endpoint().in_flight, 0) << "after handler " << handlers;
    EXPECT_EQ(gateway.connections(), resets ? 1u : 0u) << "after handler " << handlers;
    EXPECT_EQ(gateway.http2_counts.stalled_streams, 0) << "after handler " << handlers;
    if (protocol == UpstreamProtocol::kHttp1 || backend.taken())
      EXPECT_EQ(gateway.leftovers(), "") << "after handler " << handlers;
    gateway.t.advance(std::chrono::seconds(5));
    peer.turn();
    EXPECT_EQ(gateway.leftovers(), "") << "after handler " << handlers;
    return !ended;
  }

  static void answer(EitherBackend& backend, int step) {
    if (step == 0) return backend.head("text/event-stream");
    if (step == kPieces - 1) return backend.finish();
    backend.write(kEvent);
  }
};

TEST_P(Http2CancellationSweepTest, NothingIsLeftWheneverTheClientLeaves) {
  int handlers = 0;
  while (leave_after(handlers) && !HasFailure()) {
    ++handlers;
    ASSERT_LT(handlers, 2000) << "the exchange never ends";
  }
  EXPECT_GE(handlers, 5) << "the sweep went over an exchange";
}

std::vector<Case> cases() {
  std::vector<Case> out;
  for (const UpstreamProtocol protocol : {UpstreamProtocol::kHttp1, UpstreamProtocol::kH2c}) {
    for (const bool resets : {true, false}) {
      for (const Scenario& scenario : kScenarios)
        out.push_back({protocol, resets, &scenario});
    }
  }
  return out;
}

INSTANTIATE_TEST_SUITE_P(Scenarios, Http2CancellationSweepTest, ::testing::ValuesIn(cases()),
                         [](const auto& info) {
                           const Case& c = info.param;
                           return std::string(c.protocol == UpstreamProtocol::kHttp1 ? "http1" : "http2") +
                                  (c.resets ? "_reset_" : "_leave_") + c.scenario->name;
                         });

}  // namespace
}  // namespace sluice::test
