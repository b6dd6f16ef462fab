#include "gateway/runtime/cancellable.h"

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <utility>

#include "gateway/runtime/task_group.h"

namespace sluice {
namespace {

class CancellableTest : public ::testing::Test {
 protected:
  // Awaits the work and notes what came of it.
  Task<void> await(Cancellable<int>& work) {
    outcome_ = co_await work;
    resumed_ = true;
  }
  Task<void> own_and_await(Cancellable<int>*& exposed) {
    Cancellable<int> work(loop_, answer_after(std::chrono::seconds(1)));
    exposed = &work;
    co_await await(work);
  }
  Task<int> answer_after(Duration time) {
    const std::shared_ptr<int> held = alive_;
    co_await sleep_until(loop_, loop_.now() + time);
    co_return 42;
  }
  bool task_lives() const { return alive_.use_count() > 1; }

  ManualTime time_;
  Loop loop_{time_, 1};
  std::shared_ptr<int> alive_ = std::make_shared<int>();
  std::optional<int> outcome_;
  bool resumed_ = false;
};

TEST_F(CancellableTest, HandsOverTheTasksResult) {
  Cancellable<int> work(loop_, answer_after(std::chrono::seconds(1)));
  TaskGroup group;
  group.spawn(await(work));
  EXPECT_FALSE(resumed_);
  time_.advance(std::chrono::seconds(2));
  loop_.expire();
  EXPECT_TRUE(resumed_);
  EXPECT_EQ(outcome_, 42);
  work.cancel();  // too late for anything
  loop_.poll();
  EXPECT_EQ(outcome_, 42);
}

TEST_F(CancellableTest, AValueIsThereAtOnce) {
  Cancellable<int> work(loop_, Task<int>(7));
  TaskGroup group;
  group.spawn(await(work));
  EXPECT_EQ(outcome_, 7);
}

TEST_F(CancellableTest, CancellingDestroysTheTaskAtOnceAndResumesTheAwaiterInTheSameTurn) {
  Cancellable<int> work(loop_, answer_after(std::chrono::seconds(1)));
  TaskGroup group;
  group.spawn(await(work));
  EXPECT_TRUE(task_lives());
  work.cancel();
  EXPECT_FALSE(task_lives());
  EXPECT_FALSE(resumed_) << "the awaiter must not run inside the canceller's call";
  work.cancel();  // once is enough
  loop_.poll();
  EXPECT_TRUE(resumed_);
  EXPECT_EQ(outcome_, std::nullopt);
}

TEST_F(CancellableTest, TheAwaitersEndEndsTheTask) {
  Cancellable<int>* work = nullptr;
  TaskGroup group;
  group.spawn(own_and_await(work));
  EXPECT_TRUE(task_lives());
  group.cancel_all();
  EXPECT_FALSE(task_lives());
  group.spawn(own_and_await(work));
  work->cancel();
  group.cancel_all();
  loop_.poll();
  EXPECT_FALSE(resumed_) << "nobody is there to be resumed";
}

TEST_F(CancellableTest, CancellingBeforeTheAwaitDoesNothing) {
  Cancellable<int> work(loop_, answer_after(std::chrono::seconds(1)));
  work.cancel();
  TaskGroup group;
  group.spawn(await(work));
  time_.advance(std::chrono::seconds(2));
  loop_.expire();
  EXPECT_EQ(outcome_, 42);
}

}  // namespace
}  // namespace sluice
