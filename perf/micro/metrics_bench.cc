// Metrics: what a request adds to its shard's cells, and the page that a scrape asks for.

#include <benchmark/benchmark.h>

#include <array>
#include <string>

#include "gateway/base/metrics.h"
#include "gateway/base/prometheus_text.h"

namespace sluice::micro {
namespace {

void count(benchmark::State& state) {
  Metrics metrics;
  Counter& counter = metrics.counter("requests_total", "requests");
  for (auto _ : state) {
    counter.add();
    benchmark::ClobberMemory();
  }
}
BENCHMARK(count);

void observe(benchmark::State& state) {
  Metrics metrics;
  Histogram& histogram = metrics.histogram("latency_seconds", "latency", {}, kLatencyBuckets);
  double value = 0.0005;
  for (auto _ : state) {
    histogram.observe(value);
    value = value > 100 ? 0.0005 : value * 1.7;  // over all buckets
    benchmark::ClobberMemory();
  }
}
BENCHMARK(observe);

// Two shards and the control thread; each shard has so many endpoints, with 8 counters, 2 gauges and 2
// histograms each.
void render_page(benchmark::State& state) {
  std::array<Metrics, 3> threads;
  for (std::size_t shard = 0; shard < 2; ++shard) {
    for (std::int64_t e = 0; e < state.range(0); ++e) {
      const Labels labels = {{"cluster", "models"}, {"endpoint", "10.0.0." + std::to_string(e) + ":8000"}};
      for (int i = 0; i < 8; ++i)
        threads[shard].counter("sluice_upstream_" + std::to_string(i) + "_total", "help", labels).add(1000);
      for (int i = 0; i < 2; ++i)
        threads[shard].gauge("sluice_upstream_gauge_" + std::to_string(i), "help", labels).set(3);
      for (int i = 0; i < 2; ++i)
        threads[shard]
            .histogram("sluice_upstream_seconds_" + std::to_string(i), "help", labels, kLatencyBuckets)
            .observe(0.3);
    }
  }
  const Metrics* const all[] = {threads.data(), &threads[1], &threads[2]};
  std::size_t bytes = 0;
  for (auto _ : state) {
    const std::string page = render_prometheus(all);
    bytes = page.size();
    benchmark::DoNotOptimize(page.data());
  }
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(bytes));
}
BENCHMARK(render_page)->Arg(2)->Arg(50);

}  // namespace
}  // namespace sluice::micro
