#include "gateway/runtime/child.h"

#include <gtest/gtest.h>

#include <optional>

#include "gateway/runtime/task_group.h"

namespace sluice {
namespace {

Task<int> answer_after(Loop& loop, Duration d) {
  co_await sleep_until(loop, loop.now() + d);
  co_return 42;
}

class ChildTest : public ::testing::Test {
 protected:
  ManualTime time_;
  Loop loop_{time_, 1};
};

Task<void> join_into(Child<int>& child, std::optional<int>& out, bool& joined) {
  out = co_await child.join();
  joined = true;
}

TEST_F(ChildTest, RunsBesideItsParentAndHandsOverItsResult) {
  Child<int> child(loop_, answer_after(loop_, std::chrono::seconds(1)));
  TaskGroup group;
  std::optional<int> out;
  bool joined = false;
  group.spawn(join_into(child, out, joined));
  EXPECT_FALSE(joined);
  time_.advance(std::chrono::seconds(2));
  loop_.expire();
  EXPECT_TRUE(joined);
  EXPECT_EQ(out, 42);
}

TEST_F(ChildTest, JoiningAFinishedChildDoesNotSuspend) {
  Child<int> child(loop_, Task<int>(7));
  EXPECT_TRUE(child.finished());
  TaskGroup group;
  std::optional<int> out;
  bool joined = false;
  group.spawn(join_into(child, out, joined));
  EXPECT_TRUE(joined);
  EXPECT_EQ(out, 7);
}

TEST_F(ChildTest, CancellingResumesTheJoinerInTheSameTurnWithNothing) {
  Child<int> child(loop_, answer_after(loop_, std::chrono::seconds(1)));
  TaskGroup group;
  std::optional<int> out = 1;
  bool joined = false;
  group.spawn(join_into(child, out, joined));
  child.cancel();
  EXPECT_FALSE(joined) << "the joiner must not run inside the canceller's call";
  loop_.poll();
  EXPECT_TRUE(joined);
  EXPECT_FALSE(out.has_value());
}

TEST_F(ChildTest, CancellingAfterTheEndKeepsTheResult) {
  Child<int> child(loop_, Task<int>(7));
  child.cancel();
  EXPECT_EQ(child.result(), 7);
}

}  // namespace
}  // namespace sluice
