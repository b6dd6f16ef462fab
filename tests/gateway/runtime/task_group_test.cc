#include "gateway/runtime/task_group.h"

#include <gtest/gtest.h>

#include "gateway/runtime/loop.h"

namespace sluice {
namespace {

Task<void> sleep_for(Loop& loop, Duration d, int& done) {
  co_await sleep_until(loop, loop.now() + d);
  ++done;
}

TEST(TaskGroup, TasksLeaveTheGroupWhenTheyEnd) {
  ManualTime time;
  Loop loop(time, 1);
  TaskGroup group;
  int done = 0;
  for (int i = 1; i <= 5; ++i)
    group.spawn(sleep_for(loop, std::chrono::seconds(i), done));
  EXPECT_EQ(group.size(), 5u);
  time.advance(std::chrono::seconds(3));
  loop.expire();
  EXPECT_EQ(done, 3);
  EXPECT_EQ(group.size(), 2u);
  group.cancel_all();
  EXPECT_EQ(group.size(), 0u);
  time.advance(std::chrono::seconds(10));
  loop.expire();
  EXPECT_EQ(done, 3);
}

}  // namespace
}  // namespace sluice
