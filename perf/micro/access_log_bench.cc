// The line of the access log, which every exchange writes.

#include <benchmark/benchmark.h>

#include <chrono>
#include <string>

#include "gateway/proxy/access_log.h"

namespace sluice::micro {
namespace {

ExchangeRecord record() {
  using namespace std::chrono_literals;
  ExchangeRecord r;
  r.id = "01994f0a-6f54-7c3a-a2b1-2f1de6a0c9d4";
  r.trace_id = "0af7651916cd43dd8448eb211c80319c";
  r.peer = "10.1.2.3:40000";
  r.protocol = "HTTP/1.1";
  r.method = Method::kPost;
  r.path = "/v1/chat/completions";
  r.route = "chat";
  r.model = "meta-llama/Llama-3.1-8B-Instruct";
  r.cluster = "llama";
  r.endpoint = "10.9.8.7:8000";
  r.started_at = WallTime(1'762'074'000s + 123ms);
  r.received_at = TimePoint(1000s);
  r.first_content_at = TimePoint(1000s + 41'250us);
  r.last_content_at = r.ended_at = TimePoint(1003s + 517'813us);
  r.status = 200;
  r.attempts = 1;
  r.request_bytes = 1834;
  r.response_bytes = 614;
  r.content_events = 1;
  r.usage = llm::Usage{.prompt_tokens = 412, .completion_tokens = 256, .total_tokens = 668};
  r.state = ExchangeState::kDone;
  return r;
}

void write_line(benchmark::State& state, const ExchangeRecord& r) {
  std::string lines;
  for (auto _ : state) {
    lines.clear();
    append_access_log_line(r, lines);
    benchmark::DoNotOptimize(lines.data());
  }
}

void line(benchmark::State& state) {
  write_line(state, record());
}
BENCHMARK(line);

void line_of_a_stream_in_tls(benchmark::State& state) {
  ExchangeRecord r = record();
  r.protocol = "HTTP/2";
  r.tls = "TLSv1.3";
  r.stream = true;
  r.content_events = 257;
  r.longest_gap = std::chrono::microseconds(63'912);
  r.client_stalled = std::chrono::microseconds(1'204);
  r.response_bytes = 55'201;
  write_line(state, r);
}
BENCHMARK(line_of_a_stream_in_tls);

void line_with_escapes(benchmark::State& state) {
  ExchangeRecord r = record();
  r.model = "a \"model\"\nof two lines";
  write_line(state, r);
}
BENCHMARK(line_with_escapes);

}  // namespace
}  // namespace sluice::micro
