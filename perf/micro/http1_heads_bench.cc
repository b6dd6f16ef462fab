// HTTP/1.1 heads: those that arrive are parsed, that of the request to the backend is written.

#include <benchmark/benchmark.h>

#include <memory>
#include <string_view>

#include "gateway/http/http1/client_connection.h"
#include "gateway/http/http1/head_parser.h"
#include "perf/micro/messages.h"
#include "perf/micro/wire.h"

namespace sluice::micro {
namespace {

using http1::HeadParser;

void parse_request(benchmark::State& state) {
  for (auto _ : state) {
    HeadParser parser(HeadParser::Kind::kRequest, {});
    auto size = parser.feed(kRequestHead);
    auto request = parser.request(kRequestHead);
    if (!size || !*size || !request) state.SkipWithError("refused");
    benchmark::DoNotOptimize(request);
  }
}
BENCHMARK(parse_request);

void parse_answer(benchmark::State& state) {
  for (auto _ : state) {
    HeadParser parser(HeadParser::Kind::kResponse, {});
    auto size = parser.feed(kAnswerHead);
    auto response = parser.response(kAnswerHead);
    if (!size || !*size || !response) state.SkipWithError("refused");
    benchmark::DoNotOptimize(response);
  }
}
BENCHMARK(parse_answer);

// The client's head with what the gateway takes from it and adds to it.
RequestHead upstream_head() {
  HeadParser parser(HeadParser::Kind::kRequest, {});
  (void)parser.feed(kRequestHead);
  RequestHead head = std::move(parser.request(kRequestHead)->head);
  head.headers.remove(HeaderId::kConnection);
  head.headers.remove(HeaderId::kContentLength);
  head.headers.add("via", "1.1 sluice");
  head.headers.add("x-request-id", "01994f0a-6f54-7c3a-a2b1-2f1de6a0c9d4");
  head.headers.add("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
  head.headers.add("x-forwarded-for", "10.1.2.3");
  head.headers.add("x-forwarded-proto", "https");
  head.headers.add("x-forwarded-host", "gateway.example.org");
  return head;
}

// With its body, as one gathered write.
void send_request(benchmark::State& state) {
  const ManualTime time;
  Loop loop(time, 1);
  http1::ClientConnection connection(std::make_unique<Wire>(loop), {});
  const RequestHead head = upstream_head();
  const std::string_view body[] = {kSmallBody};
  for (auto _ : state) {
    auto sent = connection.send(head, kSmallBody.size(), body, true, std::chrono::seconds(60));
    if (!sent.await_ready() || !sent.await_resume()) state.SkipWithError("not sent");
  }
}
BENCHMARK(send_request);

}  // namespace
}  // namespace sluice::micro
