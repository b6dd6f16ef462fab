// Deadlines. The wheel holds as many timers as a shard with so many streams has, due within a minute.

#include <benchmark/benchmark.h>

#include <chrono>
#include <cstddef>
#include <memory>
#include <vector>

#include "gateway/runtime/timer_wheel.h"

namespace sluice::micro {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

struct Wheel {
  explicit Wheel(std::int64_t held) {
    for (std::int64_t i = 0; i < held; ++i) {
      timers.push_back(std::make_unique<Timer>([](void*) {}, nullptr));
      wheel.arm(*timers.back(), now + seconds(60) + milliseconds(i * 60'000 / held));
    }
  }

  TimePoint now{std::chrono::hours(1000)};
  TimerWheel wheel{now};
  std::vector<std::unique_ptr<Timer>> timers;
};

void arm_and_disarm(benchmark::State& state) {
  Wheel w(state.range(0));
  Timer timer([](void*) {}, nullptr);
  for (auto _ : state) {
    w.wheel.arm(timer, w.now + seconds(10));
    timer.disarm();
  }
}
BENCHMARK(arm_and_disarm)->Arg(0)->Arg(10'000);

// A timer that fires, with the look for those that are due. Time stands still for the others: they would all
// have fired after a while.
void fire(benchmark::State& state) {
  Wheel w(0);
  int fired = 0;
  Timer timer([](void* count) { ++*static_cast<int*>(count); }, &fired);
  for (auto _ : state) {
    w.now += TimerWheel::kTick;
    w.wheel.arm(timer, w.now);
    w.wheel.advance(w.now);
  }
  if (fired != state.iterations()) state.SkipWithError("not fired");
}
BENCHMARK(fire);

// A tick in which nothing is due: every timer is looked at in one of 512. Those in the slot are armed anew
// when their time has come, so that as many are held throughout.
void tick(benchmark::State& state) {
  struct Repeating {
    Wheel* wheel;
    Timer timer{[](void* self) {
                  auto& repeating = *static_cast<Repeating*>(self);
                  repeating.wheel->wheel.arm(repeating.timer, repeating.wheel->now + seconds(60));
                },
                this};
  };
  Wheel w(0);
  std::vector<std::unique_ptr<Repeating>> timers;
  for (std::int64_t i = 0; i < state.range(0); ++i) {
    timers.push_back(std::make_unique<Repeating>(&w));
    w.wheel.arm(timers.back()->timer, w.now + milliseconds(i * 60'000 / state.range(0)));
  }
  for (auto _ : state) {
    w.now += TimerWheel::kTick;
    w.wheel.advance(w.now);
  }
}
BENCHMARK(tick)->Arg(100)->Arg(10'000);

void next_wakeup(benchmark::State& state) {
  Wheel w(state.range(0));
  for (auto _ : state) {
    TimePoint next = w.wheel.next_wakeup();
    benchmark::DoNotOptimize(next);
  }
}
BENCHMARK(next_wakeup)->Arg(1)->Arg(10'000);

}  // namespace
}  // namespace sluice::micro
