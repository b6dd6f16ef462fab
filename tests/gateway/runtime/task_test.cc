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

// What a coroutine does before it gives its place to another.
Task<std::string> first_then(Trace& trace, Loop& loop, Task<std::string> next) {
  Scope scope{trace, "first"};
  co_await sleep_until(loop, loop.now() + std::chrono::seconds(1));
  co_return co_await become(std::move(next));
}

Task<std::string> second(Trace& trace, Loop& loop) {
  Scope scope{trace, "second"};
  trace.lines.emplace_back("begin second");
  co_await sleep_until(loop, loop.now() + std::chrono::seconds(1));
  co_return "done";
}

Task<void> take(Task<std::string> task, std::string& out) {
  out = co_await task;
}

TEST_F(TaskTest, ATaskThatTakesACoroutinesPlaceBeginsWhenThatIsGoneAndAnswersForIt) {
  TaskGroup group;
  std::string result;
  group.spawn(take(first_then(trace_, loop_, second(trace_, loop_)), result));
  EXPECT_TRUE(trace_.lines.empty());
  advance(std::chrono::seconds(2));
  EXPECT_EQ(trace_.lines, (std::vector<std::string>{"end first", "begin second"}));
  EXPECT_EQ(result, "");
  advance(std::chrono::seconds(2));
  EXPECT_EQ(result, "done");
  EXPECT_EQ(trace_.lines.back(), "end second");
  EXPECT_EQ(group.size(), 0u);
}

TEST_F(TaskTest, CancellingReachesTheTaskThatTookACoroutinesPlace) {
  std::string result;
  {
    TaskGroup group;
    group.spawn(take(first_then(trace_, loop_, second(trace_, loop_)), result));
    advance(std::chrono::seconds(2));
  }
  EXPECT_EQ(trace_.lines, (std::vector<std::string>{"end first", "begin second", "end second"}));
  EXPECT_EQ(result, "");
}

TEST_F(TaskTest, AChainOfTasksThatTakeEachOthersPlaceAnswersTheOneWhoAsked) {
  auto count_down = [](auto& self, int n) -> Task<int> {
    if (n == 0) co_return 7;
    co_return co_await become(self(self, n - 1));
  };
  TaskGroup group;
  int result = 0;
  auto run = [](Task<int> task, int& out) -> Task<void> { out = co_await task; };
  group.spawn(run(count_down(count_down, 10'000), result));
  EXPECT_EQ(result, 7);
}

TEST_F(TaskTest, AValueTakesACoroutinesPlaceToo) {
  TaskGroup group;
  std::string result;
  group.spawn(take(first_then(trace_, loop_, std::string("at once")), result));
  advance(std::chrono::seconds(2));
  EXPECT_EQ(result, "at once");
}

TEST_F(TaskTest, AnExceptionOfATaskThatTookACoroutinesPlaceReachesTheOneWhoAsked) {
  auto broken = []() -> Task<int> {
    throw std::logic_error("broken");
    co_return 0;
  };
  auto outer = [&]() -> Task<int> { co_return co_await become(broken()); };
  bool caught = false;
  auto run = [](Task<int> task, bool& out) -> Task<void> {
    try {
      (void)co_await task;
    } catch (const std::logic_error&) {
      out = true;
    }
  };
  TaskGroup group;
  group.spawn(run(outer(), caught));
  EXPECT_TRUE(caught);
}

TEST_F(TaskTest, ATaskWithoutAValueTakesAPlaceToo) {
  auto inner = [](Trace& trace) -> Task<void> {
    trace.lines.emplace_back("inner");
    co_return;
  };
  auto outer = [&](Trace& trace) -> Task<void> {
    Scope scope{trace, "outer"};
    co_await become(inner(trace));
  };
  TaskGroup group;
  group.spawn(outer(trace_));
  EXPECT_EQ(trace_.lines, (std::vector<std::string>{"end outer", "inner"}));
}

}  // namespace
}  // namespace sluice
