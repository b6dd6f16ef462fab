#pragma once

#include <coroutine>
#include <optional>
#include <utility>

#include "gateway/runtime/loop.h"
#include "gateway/runtime/task.h"

namespace sluice {

// A task whose wait may be cut short: cancel() destroys it, and whoever awaits it goes on in the same loop
// turn. What a Child is for one that is awaited at once, at no frame of its own.
//
//   Cancellable<Result<void>> work(loop, next(exchange, client));
//   ... a timer that calls work.cancel() ...
//   std::optional<Result<void>> outcome = co_await work;   // nullopt: it was cancelled
//
// Lives in a frame that ends no later than the one that awaits it; awaited once. cancel() must not be called
// from inside the task; before the await it does nothing. Threads: its loop's only.
template <class T>
class Cancellable {
 public:
  Cancellable(Loop& loop, Task<T> task) : loop_(loop), task_(std::move(task)) {}
  Cancellable(const Cancellable&) = delete;
  Cancellable& operator=(const Cancellable&) = delete;

  void cancel() noexcept {
    if (!waiter_.coroutine || !task_) return;
    task_.reset();
    loop_.make_ready(waiter_);
  }

  bool await_ready() const noexcept { return task_->await_ready(); }
  std::coroutine_handle<> await_suspend(std::coroutine_handle<> awaiting) noexcept {
    waiter_.coroutine = awaiting;
    return task_->await_suspend(awaiting);
  }
  std::optional<T> await_resume() {
    waiter_.coroutine = nullptr;  // cancel() comes too late now
    if (!task_) return std::nullopt;
    return task_->await_resume();
  }

 private:
  Loop& loop_;
  Waiter waiter_;
  std::optional<Task<T>> task_;
};

}  // namespace sluice
