#include "gateway/runtime/task_group.h"

#include <cstdio>
#include <exception>

namespace sluice {

std::suspend_never TaskGroup::Root::promise_type::initial_suspend() noexcept {
  group->roots_.push_back(*this);
  ++group->size_;
  return {};
}

void TaskGroup::Root::promise_type::unhandled_exception() noexcept {
  try {
    throw;
  } catch (const std::exception& e) {
    std::fprintf(stderr, "sluice: broken invariant: %s\n", e.what());
  } catch (...) {
    std::fputs("sluice: broken invariant\n", stderr);
  }
  std::terminate();
}

TaskGroup::Root TaskGroup::drive(TaskGroup&, Task<void> task) {
  co_await task;
}

void TaskGroup::spawn(Task<void> task) {
  drive(*this, std::move(task));
}

void TaskGroup::cancel_all() noexcept {
  while (!roots_.empty()) {
    Root::promise_type& root = roots_.front();
    root.unlink();
    std::coroutine_handle<Root::promise_type>::from_promise(root).destroy();
  }
}

}  // namespace sluice
