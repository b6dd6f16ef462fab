#include "gateway/runtime/signal.h"

#include <gtest/gtest.h>

#include <string>

#include "gateway/runtime/task_group.h"

namespace sluice {
namespace {

Task<void> wait_and_note(Signal& signal, TimePoint deadline, std::string& notes, char name) {
  const bool woken = co_await signal.wait(deadline);
  notes += woken ? name : '!';
}

class SignalTest : public ::testing::Test {
 protected:
  ManualTime time_;
  Loop loop_{time_, 1};
  Signal signal_{loop_};
  std::string notes_;
  TaskGroup group_;
};

TEST_F(SignalTest, WakesInTheOrderOfWaiting) {
  for (char name : {'a', 'b', 'c'})
    group_.spawn(wait_and_note(signal_, kNever, notes_, name));
  signal_.notify_one();
  loop_.poll();
  EXPECT_EQ(notes_, "a");
  signal_.notify_all();
  loop_.poll();
  EXPECT_EQ(notes_, "abc");
}

TEST_F(SignalTest, ADeadlineEndsTheWaitOnce) {
  group_.spawn(wait_and_note(signal_, loop_.now() + std::chrono::seconds(1), notes_, 'a'));
  time_.advance(std::chrono::seconds(2));
  loop_.expire();
  loop_.poll();
  EXPECT_EQ(notes_, "!");
  EXPECT_FALSE(signal_.awaited());
}

TEST_F(SignalTest, AWaiterThatWasWokenAndThenCancelledIsForgotten) {
  group_.spawn(wait_and_note(signal_, kNever, notes_, 'a'));
  signal_.notify_one();
  group_.cancel_all();
  loop_.poll();
  EXPECT_EQ(notes_, "");
}

}  // namespace
}  // namespace sluice
