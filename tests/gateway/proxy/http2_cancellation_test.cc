// A client resets its stream, or its connection ends: whatever the exchange waits for, the backend hears of
// it in the same loop turn and nothing of it stays behind, with backends of either protocol.

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "tests/gateway/proxy/http2_rig.h"

namespace sluice::test {
namespace {

using http2::test::FieldList;
using http2::test::TestPeer;

enum class Leave : std::uint8_t { kReset, kClose, kAbort };

struct Rig;

struct State {
  const char* name;
  int status;  // of the record
  std::function<void(Rig&)> reach;
  std::uint32_t client_window = 65535;
  std::size_t client_capacity = 1024 * 1024;
  std::size_t backend_streams = 256;  // or connections
  bool body_is_whole = false;
};

struct Rig {
  Rig(UpstreamProtocol protocol, const State& state) : backend(protocol) {
    GatewayPlan plan;
    plan.client_capacity = state.client_capacity;
    plan.clusters[0].pool.protocol = protocol;
    plan.clusters[0].pool.max_connections = backend.is_http2() ? 1 : state.backend_streams;
    gateway = std::make_unique<MemoryGateway>(std::move(plan));
    peer = std::make_unique<TestPeer>(gateway->t, gateway->connect_http2(), state.client_window);
    max_streams = static_cast<std::uint32_t>(state.backend_streams);
    turns();
  }
  // Everybody until all are silent; no time passes.
  void turns() {
    for (int i = 0; i < 10; ++i) {
      peer->turn();
      if (!backend.taken()) backend.take(gateway->network, max_streams);
      if (backend.taken()) backend.turn();
    }
    gateway->t.turn();
  }
  void chat() {
    id = peer->post("/v1/chat/completions", "{\"model\":\"m\",\"stream\":true}");
    turns();
    ASSERT_TRUE(backend.taken());
  }
  void chat_with_head() {
    chat();
    backend.head("text/event-stream");
    turns();
  }
  void expect_waiting(ExchangeState state) {
    Exchange* const exchange = gateway->exchange();
    ASSERT_NE(exchange, nullptr);
    EXPECT_EQ(name(exchange->record.state), name(state));
  }
  // More than any window or buffer on the way takes.
  void flood_of_events() {
    for (int i = 0; i < 40; ++i) {
      backend.write("data: " + std::string(3'000, 'x') + "\n\n");
      gateway->t.turn();
      if (reads) turns();
    }
    expect_waiting(ExchangeState::kStreaming);
  }

  EitherBackend backend;
  std::unique_ptr<MemoryGateway> gateway;
  std::unique_ptr<TestPeer> peer;
  std::uint32_t max_streams = 100;
  bool reads = true;
  std::int32_t id = 0;
};

const State kStates[] = {
    {.name = "body_read_for_the_route",
     .status = 499,
     .reach =
         [](Rig& r) {
           r.id = r.peer->open("/v1/chat/completions", {{"content-length", "100"}});
           r.peer->send_body(r.id, "{\"model\":", false);
           r.turns();
           r.expect_waiting(ExchangeState::kReadingBody);
           EXPECT_FALSE(r.backend.taken());
         }},
    {.name = "body_relayed",
     .status = 499,
     .reach =
         [](Rig& r) {
           r.id = r.peer->open("/files");
           r.peer->send_body(r.id, "part", false);
           r.turns();
           ASSERT_TRUE(r.backend.taken());
           EXPECT_NE(r.backend.body().find("part"), std::string::npos);
         }},
    {.name = "backend_takes_no_more_of_its_body",
     .status = 499,
     .reach =
         [](Rig& r) {
           // HTTP/1 by what the socket takes, HTTP/2 by the stream's window.
           r.gateway->network.set_capacity(r.backend.is_http2() ? 1024 * 1024 : 16 * 1024);
           r.id = r.peer->open("/files", {{"content-length", "1000000"}});
           r.peer->turn();
           ASSERT_TRUE(r.backend.take(r.gateway->network, 100, false));
           if (r.backend.is_http2()) r.turns();
           for (int i = 0; i < 40; ++i) {
             r.peer->send_body(r.id, std::string(16 * 1024, 'x'), false);
             r.peer->turn();
           }
           EXPECT_EQ(nghttp2_session_get_stream_remote_window_size(r.peer->session(), r.id), 0)
               << "backpressure reaches the client";
         }},
    {.name = "connecting",
     .status = 499,
     .reach =
         [](Rig& r) {
           r.gateway->network.set_mode("one:1", MemoryNetwork::Mode::kHold);
           r.id = r.peer->post("/v1/chat/completions", "{\"model\":\"m\"}");
           r.turns();
           r.expect_waiting(ExchangeState::kConnecting);
         }},
    {.name = "connecting_with_its_body_open",
     .status = 499,
     .reach =
         [](Rig& r) {
           r.gateway->network.set_mode("one:1", MemoryNetwork::Mode::kHold);
           r.id = r.peer->open("/files");
           r.peer->send_body(r.id, "part", false);
           r.turns();
           r.expect_waiting(ExchangeState::kConnecting);
         }},
    {.name = "waiting_for_the_head",
     .status = 499,
     .reach =
         [](Rig& r) {
           r.chat();
           r.expect_waiting(ExchangeState::kWaiting);
         },
     .body_is_whole = true},
    {.name = "waiting_for_the_first_token",
     .status = 499,
     .reach =
         [](Rig& r) {
           r.chat_with_head();
           r.expect_waiting(ExchangeState::kWaiting);
         },
     .body_is_whole = true},
    {.name = "streaming",
     .status = 200,
     .reach =
         [](Rig& r) {
           r.chat_with_head();
           r.backend.write(kEvent);
           r.turns();
           r.expect_waiting(ExchangeState::kStreaming);
           EXPECT_EQ(r.peer->answer(r.id).body, kEvent);
         },
     .body_is_whole = true},
    {.name = "streaming_with_its_body_open",
     .status = 200,
     .reach =
         [](Rig& r) {
           r.id = r.peer->open("/files");
           r.peer->send_body(r.id, "part", false);
           r.turns();
           r.backend.head("text/plain");
           r.backend.write("early");
           r.turns();
           EXPECT_EQ(r.peer->answer(r.id).body, "early");
         }},
    {.name = "streams_window_is_full",
     .status = 200,
     .reach =
         [](Rig& r) {
           r.peer->hold_windows();
           r.chat_with_head();
           r.flood_of_events();
           EXPECT_EQ(r.gateway->http2_counts.stalled_streams, 1);
           EXPECT_EQ(r.peer->answer(r.id).body.size(), 1'000u);
         },
     .client_window = 1'000,
     .body_is_whole = true},
    {.name = "connections_window_is_full",
     .status = 200,
     .reach =
         [](Rig& r) {
           r.peer->hold_windows();
           r.chat_with_head();
           r.flood_of_events();
           EXPECT_EQ(r.gateway->http2_counts.stalled_streams, 1);
           EXPECT_EQ(r.peer->answer(r.id).body.size(), 65'535u);
         },
     .client_window = 1'000'000,
     .body_is_whole = true},
    {.name = "socket_is_full",
     .status = 200,
     .reach =
         [](Rig& r) {
           r.chat_with_head();
           r.reads = false;
           r.flood_of_events();
         },
     .client_window = 10'000'000,
     .client_capacity = 4'096,
     .body_is_whole = true},
};

struct Case {
  UpstreamProtocol protocol;
  Leave how;
  const State* state;
};

class Http2CancellationTest : public ::testing::TestWithParam<Case> {
 protected:
  static void leave(Rig& r) {
    switch (GetParam().how) {
      case Leave::kReset:
        r.peer->reset(r.id);
        r.peer->put();
        break;
      case Leave::kClose:
        r.peer->leave();
        break;
      case Leave::kAbort:
        r.peer->transport().reset();
        break;
    }
  }
};

TEST_P(Http2CancellationTest, EndsTheUpstreamInTheSameTurnAndLeavesNothing) {
  const State& state = *GetParam().state;
  Rig r(GetParam().protocol, state);
  state.reach(r);
  if (HasFatalFailure()) return;
  leave(r);
  r.gateway->t.turn();
  if (r.backend.taken()) {
    EXPECT_TRUE(r.backend.cancelled());
    EXPECT_EQ(r.backend.body_ended(), state.body_is_whole) << "half a request must not look whole";
  }
  const bool on = GetParam().how == Leave::kReset;
  std::string left;
  // A connection that others may share is still opened: it is no work for this client.
  if (r.backend.is_http2() && r.gateway->network.pending() != 0)
    left = "connects under way: 1\none:1 connections in use: 1\n";
  // What was sent before waits for the client, who goes on.
  if (on && state.client_capacity < 10'000) left = "read buffers: 1\n";
  EXPECT_EQ(r.gateway->leftovers(), left);
  EXPECT_EQ(r.gateway->connections(), on ? 1u : 0u);
  EXPECT_EQ(r.gateway->http2_counts.stalled_streams, 0);
  ASSERT_EQ(r.gateway->sink.records.size(), 1u);
  EXPECT_EQ(r.gateway->sink.records[0].status, state.status);
  EXPECT_EQ(r.gateway->sink.records[0].error, ErrorKind::kClientGone);
  if (on) {
    r.peer->turn();
    EXPECT_FALSE(r.peer->server_closed());
  }
  // No timer of the exchange is left to fire.
  r.gateway->t.advance(std::chrono::hours(1));
  EXPECT_EQ(r.gateway->leftovers(), "");
  EXPECT_EQ(r.gateway->sink.records.size(), 1u);
}

std::vector<Case> cases() {
  std::vector<Case> out;
  for (const UpstreamProtocol protocol : {UpstreamProtocol::kHttp1, UpstreamProtocol::kH2c}) {
    for (const Leave how : {Leave::kReset, Leave::kClose, Leave::kAbort}) {
      for (const State& state : kStates)
        out.push_back({protocol, how, &state});
    }
  }
  return out;
}

std::string case_name(const ::testing::TestParamInfo<Case>& info) {
  const Case& c = info.param;
  const char* const ways[] = {"reset", "close", "abort"};
  return std::string(c.protocol == UpstreamProtocol::kHttp1 ? "http1" : "http2") + "_" +
         ways[static_cast<int>(c.how)] + "_" + c.state->name;
}

INSTANTIATE_TEST_SUITE_P(States, Http2CancellationTest, ::testing::ValuesIn(cases()), case_name);

// Streams of one connection.

class Http2StreamCancellationTest : public ::testing::TestWithParam<UpstreamProtocol> {};

TEST_P(Http2StreamCancellationTest, WhileItWaitsForARoomOnTheBackend) {
  State state{.name = "", .status = 499, .reach = nullptr, .backend_streams = 1};
  Rig r(GetParam(), state);
  r.chat();
  const std::int32_t first = r.id;
  r.id = r.peer->post("/v1/chat/completions", "{\"model\":\"m\"}");
  r.turns();
  EXPECT_EQ(r.gateway->endpoint().in_flight, 2);
  r.peer->reset(r.id);
  r.peer->put();
  r.gateway->t.turn();
  EXPECT_EQ(r.gateway->endpoint().in_flight, 1);
  EXPECT_EQ(pool_metrics(r.gateway->metrics, "models/one:1").waiting.value(), 0);
  EXPECT_EQ(r.gateway->sink.records.at(0).status, 499);
  EXPECT_FALSE(r.backend.cancelled()) << "the other stream's work goes on";
  r.backend.head("text/event-stream");
  r.backend.write(kEvent);
  r.backend.finish();
  r.turns();
  EXPECT_EQ(r.peer->answer(first).body, kEvent);
  EXPECT_TRUE(r.peer->answer(first).ended);
  EXPECT_EQ(r.gateway->leftovers(), "");
}

TEST_P(Http2StreamCancellationTest, AConnectionThatEndsEndsAllItsStreams) {
  State state{.name = "", .status = 499, .reach = nullptr};
  Rig r(GetParam(), state);
  r.gateway->network.set_mode("one:1", MemoryNetwork::Mode::kHold);
  for (int i = 0; i < 50; ++i)
    r.peer->post("/v1/chat/completions", "{\"model\":\"m\"}");
  r.turns();
  EXPECT_EQ(r.gateway->endpoint().in_flight, 50);
  r.peer->leave();
  r.gateway->t.turn();
  EXPECT_EQ(r.gateway->exchange(), nullptr);
  EXPECT_EQ(r.gateway->endpoint().in_flight, 0);
  EXPECT_EQ(r.gateway->sink.records.size(), 50u);
  r.gateway->t.advance(std::chrono::hours(1));
  EXPECT_EQ(r.gateway->leftovers(), "");
}

TEST_P(Http2StreamCancellationTest, AClientThatResetsAfterItsAnswerCancelsNothing) {
  State state{.name = "", .status = 200, .reach = nullptr};
  Rig r(GetParam(), state);
  r.chat_with_head();
  r.backend.write(kEvent);
  r.backend.finish();
  r.turns();
  EXPECT_TRUE(r.peer->answer(r.id).ended);
  r.peer->put_raw(http2::test::BackendSession::frame(NGHTTP2_RST_STREAM, 0, 1, std::string("\0\0\0\x8", 4)));
  r.gateway->t.turn();
  EXPECT_FALSE(r.backend.cancelled());
  EXPECT_EQ(r.gateway->sink.records.at(0).error, std::nullopt);
  EXPECT_EQ(pool_metrics(r.gateway->metrics, "models/one:1").idle.value(), 1) << "the connection is kept";
  EXPECT_EQ(r.gateway->leftovers(), "");
}

TEST_P(Http2StreamCancellationTest, KillingAnExchangeResetsItsStreamAndItsUpstreamInTheSameTurn) {
  State state{.name = "", .status = 200, .reach = nullptr};
  Rig r(GetParam(), state);
  r.chat_with_head();
  r.backend.write(kEvent);
  r.turns();
  EXPECT_TRUE(r.gateway->proxy().kill(r.gateway->exchange()->record.id));
  r.gateway->t.turn();
  EXPECT_TRUE(r.backend.cancelled());
  r.peer->turn();
  EXPECT_TRUE(r.peer->answer(r.id).reset);
  EXPECT_EQ(r.peer->answer(r.id).code, static_cast<std::uint32_t>(NGHTTP2_INTERNAL_ERROR));
  EXPECT_FALSE(r.peer->answer(r.id).ended);
  EXPECT_EQ(r.gateway->leftovers(), "");
  EXPECT_EQ(r.gateway->sink.records.at(0).error, ErrorKind::kKilled);
}

TEST_P(Http2StreamCancellationTest, AnAnswerThatTheBackendCutsIsResetAndNotEnded) {
  State state{.name = "", .status = 200, .reach = nullptr};
  Rig r(GetParam(), state);
  r.id = r.peer->get("/x");
  r.turns();
  r.backend.head("text/plain");
  r.backend.write("half");
  r.turns();
  EXPECT_EQ(r.peer->answer(r.id).body, "half");
  r.backend.cut();
  r.turns();
  EXPECT_FALSE(r.peer->answer(r.id).ended);
  EXPECT_TRUE(r.peer->answer(r.id).reset);
  EXPECT_EQ(r.peer->answer(r.id).code, static_cast<std::uint32_t>(NGHTTP2_INTERNAL_ERROR));
  EXPECT_FALSE(r.peer->server_closed());
  EXPECT_EQ(r.gateway->leftovers(), "");
}

INSTANTIATE_TEST_SUITE_P(Backends, Http2StreamCancellationTest,
                         ::testing::Values(UpstreamProtocol::kHttp1, UpstreamProtocol::kH2c),
                         [](const auto& info) {
                           return info.param == UpstreamProtocol::kHttp1 ? "http1" : "http2";
                         });

TEST(Http2Cancellation, AHeadThatIsNotCompleteIsNoExchange) {
  for (const bool aborts : {false, true}) {
    MemoryGateway gateway;
    TestPeer peer(gateway.t, gateway.connect_http2());
    peer.turn();
    peer.put_raw(http2::test::BackendSession::frame(NGHTTP2_HEADERS, 0, 1, "\x82\x86"));
    gateway.t.turn();
    EXPECT_EQ(gateway.connections(), 1u);
    if (aborts) {
      peer.transport().reset();
    } else {
      peer.leave();
    }
    gateway.t.turn();
    EXPECT_EQ(gateway.leftovers(), "");
    EXPECT_EQ(gateway.connections(), 0u);
    EXPECT_TRUE(gateway.sink.records.empty());
  }
}

}  // namespace
}  // namespace sluice::test
