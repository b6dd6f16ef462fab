#include "gateway/runtime/task.h"

#include <gtest/gtest.h>

#include <stdexcept>
#include <string>
#include <vector>

#include "gateway/runtime/loop.h"
#include "gateway/runtime/task_group.h"

namespace sluice {
namespace {

struct Trace {
  std::vector<std::string> lines;
};

struct Scope {
  Trace& trace;
  std::string name;
  ~Scope() { trace.lines.push_back("end " + name); }
};

class TaskTest : public ::testing::Test {
 protected:
  ManualTime time_;
  Loop loop_{time_, 1};
  Trace trace_;

  void advance(Duration by) {
    time_.advance(by);
    loop_.expire();
    loop_.poll();
  }
};

Task<int> add(int a, int b) {
  co_return a + b;
}

Task<int> add_up(int depth) {
  if (depth == 0) co_return 0;
  const int below = co_await add_up(depth - 1);
  const int sum = co_await add(below, 1);
  co_return sum;
}

TEST_F(TaskTest, ValuesPassThroughManyLayers) {
  TaskGroup group;
  int result = 0;
  auto run = [](int& out) -> Task<void> { out = co_await add_up(10'000); };
  group.spawn(run(result));
  EXPECT_EQ(result, 10'000);
  EXPECT_EQ(group.size(), 0u);
}

TEST_F(TaskTest, AValueIsATaskThatIsReady) {
  TaskGroup group;
  std::string result;
  auto run = [](std::string& out) -> Task<void> {
    Task<std::string> ready = std::string("at once");
    out = co_await ready;
  };
  group.spawn(run(result));
  EXPECT_EQ(result, "at once");
}

TEST_F(TaskTest, AnExceptionReachesTheAwaitingCoroutine) {
  TaskGroup group;
  std::string what;
  auto thrower = []() -> Task<int> {
    throw std::runtime_error("broken");
    co_return 1;
  };
  auto run = [&thrower](std::string& out) -> Task<void> {
    try {
      (void)co_await thrower();
    } catch (const std::runtime_error& e) {
      out = e.what();
    }
  };
  group.spawn(run(what));
  EXPECT_EQ(what, "broken");
}

Task<void> nested(Loop& loop, Trace& trace, int depth) {
  Scope scope{trace, std::to_string(depth)};
  if (depth > 0) {
    co_await nested(loop, trace, depth - 1);
  } else {
    co_await sleep_until(loop, loop.now() + std::chrono::seconds(1));
  }
  trace.lines.push_back("ran " + std::to_string(depth));
}

TEST_F(TaskTest, CancellingDestroysTheFramesInnermostFirstAndRunsNothingAfterTheAwait) {
  {
    TaskGroup group;
    group.spawn(nested(loop_, trace_, 2));
    EXPECT_TRUE(trace_.lines.empty());
  }
  EXPECT_EQ(trace_.lines, (std::vector<std::string>{"end 0", "end 1", "end 2"}));
  advance(std::chrono::seconds(2));
  EXPECT_EQ(trace_.lines.size(), 3u);
}

TEST_F(TaskTest, ASleepEndsAtItsDeadlineAndNotBefore) {
  TaskGroup group;
  group.spawn(nested(loop_, trace_, 0));
  advance(std::chrono::milliseconds(999));
  EXPECT_TRUE(trace_.lines.empty());
  advance(std::chrono::milliseconds(11));
  EXPECT_EQ(trace_.lines, (std::vector<std::string>{"ran 0", "end 0"}));
}

}  // namespace
}  // namespace sluice
