// What is read of an answer on its way to the client: its events, and what they say of usage.

#include <benchmark/benchmark.h>

#include <algorithm>
#include <string>
#include <string_view>

#include "gateway/llm/sse.h"
#include "gateway/llm/usage.h"
#include "perf/micro/messages.h"

namespace sluice::micro {
namespace {

// In pieces of so many bytes.
template <class Feed>
void feed(benchmark::State& state, std::string_view bytes, std::size_t piece, std::size_t events,
          Feed&& take) {
  for (auto _ : state) {
    for (std::size_t at = 0; at < bytes.size(); at += piece)
      take(bytes.substr(at, piece));
  }
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(bytes.size()));
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(events));
}

void find_events(benchmark::State& state, const std::string& bytes, std::size_t piece, std::size_t events) {
  llm::SseScanner scanner;
  feed(state, bytes, piece, events, [&](std::string_view part) {
    scanner.feed(part, [](const llm::SseEvent& event) { benchmark::DoNotOptimize(event.data); });
  });
}

void stream_usage(benchmark::State& state, const std::string& bytes, std::size_t piece, std::size_t events) {
  llm::StreamUsage usage;
  feed(state, bytes, piece, events, [&](std::string_view part) { usage.feed(part); });
  if (usage.content_events() != static_cast<std::uint64_t>(state.iterations()) * events)
    state.SkipWithError("events were lost");
}

// What a TCP segment over Ethernet holds, so that nearly every sixth event is cut.
constexpr std::size_t kSegment = 1448;

void sse_event(benchmark::State& state) {
  find_events(state, std::string(kEvent), SIZE_MAX, 1);
}
BENCHMARK(sse_event);

void sse_bulk(benchmark::State& state) {
  find_events(state, bulk_events(), SIZE_MAX, kBulkEvents);
}
BENCHMARK(sse_bulk);

void sse_bulk_in_segments(benchmark::State& state) {
  find_events(state, bulk_events(), kSegment, kBulkEvents);
}
BENCHMARK(sse_bulk_in_segments);

void usage_event(benchmark::State& state) {
  stream_usage(state, std::string(kEvent), SIZE_MAX, 1);
}
BENCHMARK(usage_event);

void usage_bulk(benchmark::State& state) {
  stream_usage(state, bulk_events(), SIZE_MAX, kBulkEvents);
}
BENCHMARK(usage_bulk);

void usage_bulk_in_segments(benchmark::State& state) {
  stream_usage(state, bulk_events(), kSegment, kBulkEvents);
}
BENCHMARK(usage_bulk_in_segments);

// An answer in one piece of JSON, with a text of so many bytes.
void usage_body(benchmark::State& state) {
  const std::string body = answer_body(static_cast<std::size_t>(state.range(0)));
  for (auto _ : state) {
    llm::BodyUsage usage;
    usage.feed(body);
    auto found = usage.usage();
    if (!found || found->completion_tokens != 256) state.SkipWithError("not found");
    benchmark::DoNotOptimize(found);
  }
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(body.size()));
}
BENCHMARK(usage_body)->Arg(128)->Arg(4 << 10)->Arg(64 << 10);

}  // namespace
}  // namespace sluice::micro
