#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gateway/http/http2/server_connection.h"
#include "tests/fuzz/http1_message.h"
#include "tests/fuzz/http2_script.h"
#include "tests/fuzz/request_oracle.h"
#include "tests/support/memory_gateway.h"
#include "tests/support/noting_handler.h"

namespace {

using namespace sluice;
using fuzz::expect;
using Step = fuzz::Http2Script::Step;

// Names a request on its way through the gateway.
constexpr std::string_view kMark = "x-mark";

// Requests as the codec let them in, by their marks.
struct Accepted {
  test::NotedRequest request;
  bool forwarded = false;
};
// A program may send a block of fields again: what the two ends' tables hold is then no longer the same, and
// marks become other fields. Such requests are only counted.
struct AllAccepted {
  std::map<std::string, Accepted> marked = {};
  test::NotedRequest unmarked = {};
  std::size_t unmarked_count = 0;  // not yet forwarded
};

// What the gateway itself says to backends, whatever the client sent of that name.
bool is_the_gateways(std::string_view name) {
  constexpr std::string_view kNames[] = {"host",
                                         "content-length",
                                         "transfer-encoding",
                                         "via",
                                         "traceparent",
                                         "tracestate",
                                         "forwarded",
                                         "client-cert",
                                         "x-real-ip",
                                         "x-forwarded-for",
                                         "x-forwarded-proto",
                                         "x-forwarded-host",
                                         "x-request-id",
                                         "x-forwarded-client-cert",
                                         "client-cert-chain"};
  return std::ranges::any_of(kNames, [&](std::string_view n) { return equals_ignoring_case(n, name); }) ||
         equals_ignoring_case(name.substr(0, 9), "x-sluice-");
}

using Fields = std::vector<std::pair<std::string, std::string>>;

// By name: Beast's order is only that of fields of one name.
std::map<std::string, std::vector<std::string>> of_the_client(const Fields& fields) {
  std::map<std::string, std::vector<std::string>> out;
  for (const auto& [name, value] : fields) {
    if (!is_the_gateways(name)) out[name].push_back(value);
  }
  return out;
}

std::size_t count(const Fields& fields, std::string_view name) {
  return static_cast<std::size_t>(
      std::ranges::count_if(fields, [&](const auto& f) { return equals_ignoring_case(f.first, name); }));
}

void compare(const fuzz::Http1Message& sent, Accepted& accepted) {
  expect(!std::exchange(accepted.forwarded, true));
  const test::NotedRequest& request = accepted.request;
  expect(sent.method == request.method && sent.target == request.target);
  for (const auto& [name, value] : sent.fields) {
    if (equals_ignoring_case(name, "host")) expect(value == request.authority);
  }
  expect(count(sent.fields, "host") == 1);
  expect(count(sent.fields, "content-length") + count(sent.fields, "transfer-encoding") <= 1);
  expect(of_the_client(sent.fields) == of_the_client(request.fields));
  expect(request.whole);
  expect(sent.body == request.body);
}

// A backend's end of a connection: at any time it holds the requests that were answered, and one at most that
// was not.
struct Backend {
  std::unique_ptr<sluice::test::BackendEnd> end;
  std::size_t answered = 0;  // bytes of whole requests
  std::size_t whole = 0;     // the same, and those of the one that waits for its answer
  std::size_t seen = 0;

  void check(AllAccepted& accepted) {
    const std::string_view bytes = std::string_view(end->received()).substr(answered);
    if (answered + bytes.size() == seen) return;
    seen = answered + bytes.size();
    if (whole != answered) return expect(bytes.size() == whole - answered);
    if (bytes.empty()) return;
    const std::optional<fuzz::Http1Message> request = fuzz::first_request(bytes);
    if (!request) return;
    // Exactly one message.
    expect(request->bytes == bytes.size());
    whole += request->bytes;
    const auto mark = std::ranges::find(request->fields, kMark, [](const auto& f) { return f.first; });
    if (mark == request->fields.end()) {
      expect(accepted.unmarked_count-- > 0);
      return;
    }
    const auto found = accepted.marked.find(mark->second);
    expect(found != accepted.marked.end());
    compare(*request, found->second);
  }

  void answer(unsigned how) {
    if (whole == answered) return;
    answered = whole;
    switch (how % 4) {
      case 0:
        end->send("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
        break;
      case 1:
        end->send("HTTP/1.1 204 No Content\r\n\r\n");
        break;
      case 2:
        end->send("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nx-t: 1\r\n\r\n");
        break;
      default:
        end->send("HTTP/1.1 200 OK\r\n\r\nok");
        end->close();
    }
  }
};

void serve(std::string_view input) {
  fuzz::ByteCursor choices(input.substr(0, 3));
  const std::size_t read_limit = choices.byte();
  const std::size_t capacity = 1 + 256u * choices.byte();
  const bool resets = (choices.byte() & 1) != 0;

  // One attempt: a request that is sent twice is two messages of its own.
  test::GatewayPlan plan;
  plan.routes[0].attempts = 1;
  test::MemoryGateway gateway(std::move(plan));
  gateway.network.set_capacity(capacity);
  AllAccepted accepted;
  test::NotingHandler handler(gateway.proxy(), [&](const RequestHead& head) -> test::NotedRequest& {
    fuzz::expect_sound(head);
    if (head.headers.get(kMark).empty()) {
      ++accepted.unmarked_count;
      return accepted.unmarked;
    }
    const auto [place, is_new] = accepted.marked.try_emplace(std::string(head.headers.get(kMark)));
    expect(is_new);
    return place->second.request;
  });
  ServerLimits limits;
  limits.max_streams = 8;
  http2::ServerCounts counts;
  std::vector<Backend> backends;
  {
    auto [client, server] = MemoryTransport::pair(gateway.loop, 64 * 1024);
    if (read_limit != 0) server->limit_reads(read_limit);
    http2::ServerConnection connection(std::move(server), limits, counts, handler);
    TaskGroup tasks;
    tasks.spawn(connection.run());
    const auto turn = [&] {
      char sink[16 * 1024];
      do
        gateway.loop.poll();
      while (client->try_read(sink).status == IoResult::Status::kOk);
    };
    const auto check = [&] {
      while (auto end = gateway.network.take("one:1"))
        backends.push_back({std::move(end)});
      for (std::size_t before = 1, now = 0; now != before;) {
        before = std::exchange(now, 0);
        for (Backend& backend : backends)
          now += backend.end->received().size();
        turn();
      }
      for (Backend& backend : backends)
        backend.check(accepted);
    };
    fuzz::Http2Script script(input.substr(3), std::string(kMark));
    for (std::optional<Step> s = script.next(); s; s = script.next()) {
      std::string_view bytes = s->bytes;
      for (int idle = 0; !bytes.empty() && idle < 4;) {
        const IoResult r = client->try_write({&bytes, 1});
        if (r.status == IoResult::Status::kBroken) break;
        bytes.remove_prefix(r.bytes);
        idle = r.bytes == 0 ? idle + 1 : 0;
        turn();
      }
      if (s->kind == Step::Kind::kTime) gateway.t.advance(std::chrono::seconds(s->amount));
      if (s->kind == Step::Kind::kDrain) connection.drain();
      if (s->kind == Step::Kind::kAnswer) {
        for (Backend& backend : backends)
          backend.answer(s->amount);
      }
      turn();
      check();
    }
    if (resets) {
      client->reset();
    } else {
      client->close();
    }
    gateway.loop.poll();
    expect(tasks.size() == 0);
  }
  expect(gateway.leftovers().empty());
}

}  // namespace

// The first byte is how many of the client's bytes one read yields, the second how many a backend's
// connection takes before it is read, the third how the client leaves; the rest is a program for Http2Script.
// Whatever the client sends, a backend that speaks HTTP/1.1 gets whole requests that say what was accepted,
// and cuts off what was not whole.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 3) return 0;
  serve({reinterpret_cast<const char*>(data), size});
  return 0;
}
