// Coroutines: their frames, and the ways to start and to await one.

#include <benchmark/benchmark.h>

#include <cstdlib>

#include "gateway/runtime/child.h"
#include "gateway/runtime/frame_pool.h"
#include "gateway/runtime/task.h"
#include "gateway/runtime/task_group.h"
#include "gateway/runtime/time_source.h"

namespace sluice::micro {
namespace {

constexpr std::size_t kFrame = 400;

void frame(benchmark::State& state) {
  for (auto _ : state) {
    void* memory = allocate_frame(kFrame);
    benchmark::DoNotOptimize(memory);
    free_frame(memory, kFrame);
  }
}
BENCHMARK(frame);

void malloc_instead(benchmark::State& state) {
  for (auto _ : state) {
    void* memory = std::malloc(kFrame);
    benchmark::DoNotOptimize(memory);
    std::free(memory);
  }
}
BENCHMARK(malloc_instead);

// Kept apart, as the layers of the filters are: the compiler would leave their frames out.
[[gnu::noinline]] Task<int> answer() {
  co_return 1;
}
[[gnu::noinline]] Task<int> ready_answer() {
  return 1;
}
[[gnu::noinline]] Task<int> layer(int depth) {
  if (depth == 1) co_return co_await answer();
  const int inner = co_await layer(depth - 1);
  co_return inner + 1;
}
[[gnu::noinline]] Task<int> becoming() {
  co_return co_await become(answer());
}

Task<void> nothing() {
  co_return;
}

void spawn(benchmark::State& state) {
  TaskGroup tasks;
  for (auto _ : state)
    tasks.spawn(nothing());
}
BENCHMARK(spawn);

// One coroutine awaits another, over and over.
template <class Make>
Task<void> await_all(benchmark::State& state, Make make) {
  for (auto _ : state) {
    int value = co_await make();
    benchmark::DoNotOptimize(value);
  }
}

template <class Make>
void run(benchmark::State& state, Make make) {
  TaskGroup tasks;
  tasks.spawn(await_all(state, make));
}

void await_task(benchmark::State& state) {
  run(state, [] { return answer(); });
}
BENCHMARK(await_task);

void await_task_that_is_ready(benchmark::State& state) {
  run(state, [] { return ready_answer(); });
}
BENCHMARK(await_task_that_is_ready);

void await_task_that_becomes_another(benchmark::State& state) {
  run(state, [] { return becoming(); });
}
BENCHMARK(await_task_that_becomes_another);

// As many as the default chain has frames.
void await_six_layers(benchmark::State& state) {
  run(state, [] { return layer(6); });
}
BENCHMARK(await_six_layers);

Task<void> join_children(benchmark::State& state, Loop& loop) {
  for (auto _ : state) {
    Child<int> child(loop, answer());
    auto value = co_await child.join();
    benchmark::DoNotOptimize(value);
  }
}

void child(benchmark::State& state) {
  const ManualTime time;
  Loop loop(time, 1);
  TaskGroup tasks;
  tasks.spawn(join_children(state, loop));
}
BENCHMARK(child);

}  // namespace
}  // namespace sluice::micro
