#pragma once

#include <coroutine>
#include <cstddef>
#include <utility>

#include "gateway/runtime/intrusive_list.h"
#include "gateway/runtime/task.h"

namespace sluice {

// The only place that starts a task without awaiting it. The group owns its tasks: each leaves it when it
// ends, those that remain are cancelled when the group is destroyed or by cancel_all(). A task must not hold
// references to anything that dies before the group. An exception that escapes a task is a broken invariant
// and ends the process. Threads: one loop's only. Must not be destroyed from inside one of its tasks.
class TaskGroup {
 public:
  TaskGroup() = default;
  TaskGroup(const TaskGroup&) = delete;
  TaskGroup& operator=(const TaskGroup&) = delete;
  ~TaskGroup() { cancel_all(); }

  // Starts the task and runs it to its first suspension.
  void spawn(Task<void> task);
  void cancel_all() noexcept;
  std::size_t size() const noexcept { return size_; }

 private:
  struct Root {
    struct promise_type : ListNode<TaskGroup> {
      TaskGroup* group;
      promise_type(TaskGroup& g, Task<void>&) noexcept : group(&g) {}
      ~promise_type() { --group->size_; }
      static void* operator new(std::size_t size) { return allocate_frame(size); }
      static void operator delete(void* frame, std::size_t size) noexcept { free_frame(frame, size); }
      Root get_return_object() noexcept { return {}; }
      std::suspend_never initial_suspend() noexcept;
      std::suspend_never final_suspend() noexcept { return {}; }
      void return_void() noexcept {}
      [[noreturn]] void unhandled_exception() noexcept;
    };
  };

  static Root drive(TaskGroup& group, Task<void> task);

  IntrusiveList<Root::promise_type, TaskGroup> roots_;
  std::size_t size_ = 0;
};

}  // namespace sluice
