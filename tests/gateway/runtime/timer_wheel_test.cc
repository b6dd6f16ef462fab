#include "gateway/runtime/timer_wheel.h"

#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "gateway/runtime/random.h"

namespace sluice {
namespace {

constexpr TimePoint kStart{std::chrono::hours(1)};

struct Probe {
  int fired = 0;
  Timer timer{[](void* self) { ++static_cast<Probe*>(self)->fired; }, this};
};

TEST(TimerWheel, FiresOnceNeverEarlyAndAtMostOneTickLate) {
  Random random(7);
  TimerWheel wheel(kStart);
  std::vector<std::unique_ptr<Probe>> probes;
  for (int i = 0; i < 500; ++i) {
    auto& p = probes.emplace_back(std::make_unique<Probe>());
    // Up to 20 s: four rounds of the wheel.
    wheel.arm(p->timer, kStart + Duration(random.below(20'000'000'000)));
  }
  std::vector<TimePoint> deadlines;
  for (auto& p : probes)
    deadlines.push_back(p->timer.deadline());
  TimePoint now = kStart;
  while (now < kStart + std::chrono::seconds(21)) {
    now += Duration(random.below(40'000'000));
    wheel.advance(now);
    for (std::size_t i = 0; i < probes.size(); ++i) {
      if (deadlines[i] > now) {
        ASSERT_EQ(probes[i]->fired, 0);
      }
      if (deadlines[i] + TimerWheel::kTick <= now) {
        ASSERT_EQ(probes[i]->fired, 1);
      }
    }
  }
}

TEST(TimerWheel, AJumpOfManyRoundsFiresEverythingDue) {
  TimerWheel wheel(kStart);
  Probe near;
  Probe far;
  Probe later;
  wheel.arm(near.timer, kStart + std::chrono::milliseconds(1));
  wheel.arm(far.timer, kStart + std::chrono::seconds(30));
  wheel.arm(later.timer, kStart + std::chrono::hours(2));
  wheel.advance(kStart + std::chrono::hours(1));
  EXPECT_EQ(near.fired, 1);
  EXPECT_EQ(far.fired, 1);
  EXPECT_EQ(later.fired, 0);
}

TEST(TimerWheel, DisarmedDestroyedAndMovedTimersBehave) {
  TimerWheel wheel(kStart);
  Probe disarmed;
  Probe moved;
  auto destroyed = std::make_unique<Probe>();
  wheel.arm(disarmed.timer, kStart + std::chrono::seconds(1));
  wheel.arm(destroyed->timer, kStart + std::chrono::seconds(1));
  wheel.arm(moved.timer, kStart + std::chrono::seconds(1));
  disarmed.timer.disarm();
  destroyed.reset();
  wheel.arm(moved.timer, kStart + std::chrono::seconds(3));
  wheel.advance(kStart + std::chrono::seconds(2));
  EXPECT_EQ(disarmed.fired, 0);
  EXPECT_EQ(moved.fired, 0);
  wheel.advance(kStart + std::chrono::seconds(4));
  EXPECT_EQ(moved.fired, 1);
}

TEST(TimerWheel, NextWakeupIsTheNearestSlotInUse) {
  TimerWheel wheel(kStart);
  EXPECT_EQ(wheel.next_wakeup(), kNever);
  Probe p;
  wheel.arm(p.timer, kStart + std::chrono::milliseconds(55));
  EXPECT_EQ(wheel.next_wakeup(), kStart + std::chrono::milliseconds(60));
  wheel.arm(p.timer, kNever);
  EXPECT_EQ(wheel.next_wakeup(), kNever);
}

TEST(TimerWheel, ADeadlineInThePastFiresAtTheNextAdvanceNotInsideArm) {
  TimerWheel wheel(kStart);
  Probe p;
  wheel.arm(p.timer, kStart - std::chrono::seconds(5));
  EXPECT_EQ(p.fired, 0);
  wheel.advance(kStart + TimerWheel::kTick);
  EXPECT_EQ(p.fired, 1);
}

}  // namespace
}  // namespace sluice
