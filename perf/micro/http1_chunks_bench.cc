// Chunks of a backend's stream, decoded in place: what was decoded is copied anew each time, which alone
// takes `copy_bulk`. Writing one to a client is `write_event` of http1_server_bench.cc.

#include <benchmark/benchmark.h>

#include <string>

#include "gateway/http/http1/chunked_decoder.h"
#include "perf/micro/messages.h"

namespace sluice::micro {
namespace {

void decode(benchmark::State& state, const std::string& chunks, std::size_t events) {
  http1::ChunkedDecoder decoder(ErrorKind::kUpstreamMalformed);
  std::string buffer(chunks.size(), '\0');
  for (auto _ : state) {
    chunks.copy(buffer.data(), chunks.size());
    auto step = decoder.decode(buffer.data(), buffer.size());
    if (!step || step->consumed != chunks.size()) state.SkipWithError("refused");
    benchmark::DoNotOptimize(step);
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(events));
}

std::string bulk_chunks() {
  std::string chunks;
  for (std::size_t i = 0; i < kBulkEvents; ++i)
    chunks += chunk(kEvent);
  return chunks;
}

void decode_event(benchmark::State& state) {
  decode(state, chunk(kEvent), 1);
}
BENCHMARK(decode_event);

void decode_bulk(benchmark::State& state) {
  decode(state, bulk_chunks(), kBulkEvents);
}
BENCHMARK(decode_bulk);

void copy_bulk(benchmark::State& state) {
  const std::string chunks = bulk_chunks();
  std::string buffer(chunks.size(), '\0');
  for (auto _ : state) {
    chunks.copy(buffer.data(), chunks.size());
    benchmark::DoNotOptimize(buffer.data());
    benchmark::ClobberMemory();
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(kBulkEvents));
}
BENCHMARK(copy_bulk);

}  // namespace
}  // namespace sluice::micro
