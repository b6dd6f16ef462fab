// The client leaves after the k-th handler of an exchange, for every k there is.

#include <gtest/gtest.h>

#include <functional>
#include <ostream>
#include <string>

#include "tests/support/memory_gateway.h"

namespace sluice::test {
namespace {

struct Scenario {
  const char* name;
  std::string request;
  std::function<GatewayPlan()> plan;
  std::function<void(MemoryNetwork&)> prepare;
  // Requests that are served first on another connection, so that pooled ones are warm.
  int before = 0;
};
std::ostream& operator<<(std::ostream& out, const Scenario& s) {
  return out << s.name;
}

const std::string kChat = post("/v1/chat/completions", "{\"model\":\"m\",\"stream\":true}");
const std::string kUpload = "POST /files HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n" +
                            chunk(std::string(3000, 'u')) + chunk(std::string(3000, 'v')) +
                            std::string(kLastChunk);

GatewayPlan plain() {
  return {};
}
GatewayPlan two_endpoints() {
  return {.clusters = {{.endpoints = {"one:1", "two:1"}}}};
}

void stream(MemoryNetwork& network) {
  network.set_script("one:1", {.pieces = {event_stream_head(), content_event("a"), content_event("b"),
                                          chunk("data: [DONE]\n\n") + std::string(kLastChunk)}});
}
void json(MemoryNetwork& network) {
  network.set_script("one:1", {.pieces = {json_answer("{\"usage\":{\"prompt_tokens\":1}}")}});
}

const Scenario kScenarios[] = {
    {"json", kChat, plain, json},
    {"stream", kChat, plain, stream},
    {"warm_connection", kChat, plain, stream, 1},
    {"relayed_upload", kUpload, plain, json},
    {"upload_into_small_buffers", kUpload, plain,
     [](MemoryNetwork& n) {
       n.set_capacity(512);
       json(n);
     }},
    {"small_client_buffer", kChat, [] { return GatewayPlan{.client_capacity = 256}; }, stream},
    {"refused_then_served", kChat, two_endpoints,
     [](MemoryNetwork& n) {
       n.set_mode("one:1", MemoryNetwork::Mode::kRefuse);
       n.set_script("two:1", {.pieces = {json_answer("{}")}});
     }},
    {"reset_then_served", kChat, two_endpoints,
     [](MemoryNetwork& n) {
       n.set_script("one:1", {.end = BackendScript::End::kReset});
       n.set_script("two:1", {.pieces = {json_answer("{}")}});
     }},
    {"cut_stream", kChat, plain,
     [](MemoryNetwork& n) {
       n.set_script("one:1",
                    {.pieces = {event_stream_head(), content_event("a")}, .end = BackendScript::End::kClose});
     }},
    {"pipelined", kChat + get("/a") + kUpload, plain, json},
    {"no_model", post("/v1/chat/completions", "{}"),
     [] { return GatewayPlan{.routes = {{.rule = {.models = {"m"}}}}}; }, json},
};

class CancellationSweepTest : public ::testing::TestWithParam<Scenario> {
 protected:
  // Runs `handlers` handlers of the exchange and lets the client leave. False when it had ended by then.
  bool leave_after(int handlers) {
    const Scenario& scenario = GetParam();
    MemoryGateway gateway(scenario.plan());
    scenario.prepare(gateway.network);
    for (int i = 0; i < scenario.before; ++i) {
      TestClient warm = gateway.connect();
      warm.send(get("/"));
      warm.receive();
      warm.leave();
      gateway.t.turn();
    }
    const std::size_t records_before = gateway.sink.records.size();
    TestClient client = gateway.connect();
    client.put(scenario.request);
    int ran = 0;
    while (ran < handlers && gateway.t.step()) {
      ++ran;
      client.read_some(100);
    }
    client.leave();
    gateway.t.turn();
    EXPECT_EQ(gateway.leftovers(), "") << "after handler " << handlers;
    EXPECT_EQ(gateway.connections(), 0u) << "after handler " << handlers;
    for (std::size_t i = records_before; i < gateway.sink.records.size(); ++i) {
      const ExchangeRecord& r = gateway.sink.records[i];
      EXPECT_NE(r.status, 0);
      EXPECT_TRUE(r.ended_at);
    }
    // Pooled connections go when their time is over; then backends are served by nobody any more.
    gateway.t.advance(std::chrono::seconds(5));
    EXPECT_EQ(gateway.network.served(), 0u) << "after handler " << handlers;
    return ran == handlers;
  }
};

TEST_P(CancellationSweepTest, NothingIsLeftWheneverTheClientLeaves) {
  int handlers = 0;
  while (leave_after(handlers) && !HasFailure()) {
    ++handlers;
    ASSERT_LT(handlers, 2000) << "the exchange never ends";
  }
  EXPECT_GE(handlers, 2) << "the sweep went over an exchange";
}

INSTANTIATE_TEST_SUITE_P(Scenarios, CancellationSweepTest, ::testing::ValuesIn(kScenarios),
                         [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace sluice::test
