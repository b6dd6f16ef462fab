#pragma once

#include <coroutine>
#include <cstddef>
#include <exception>
#include <optional>
#include <utility>

#include "gateway/runtime/frame_pool.h"

namespace sluice {

template <class T>
class Task;

namespace detail {

struct PromiseBase {
  std::coroutine_handle<> continuation = std::noop_coroutine();
  std::exception_ptr broken;

  static void* operator new(std::size_t size) { return allocate_frame(size); }
  static void operator delete(void* frame, std::size_t size) noexcept { free_frame(frame, size); }

  struct FinalAwaiter {
    bool await_ready() const noexcept { return false; }
    template <class Promise>
    std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> self) noexcept {
      return self.promise().continuation;
    }
    void await_resume() const noexcept {}
  };

  std::suspend_always initial_suspend() noexcept { return {}; }
  FinalAwaiter final_suspend() noexcept { return {}; }
  void unhandled_exception() noexcept { broken = std::current_exception(); }
};

template <class T>
struct Promise : PromiseBase {
  std::coroutine_handle<Promise>* owner = nullptr;  // the handle in the Task that is awaited
  std::optional<T> value;

  Task<T> get_return_object() noexcept;
  template <class U>
  void return_value(U&& u) {
    value.emplace(std::forward<U>(u));
  }
};

template <>
struct Promise<void> : PromiseBase {
  std::coroutine_handle<Promise>* owner = nullptr;

  Task<void> get_return_object() noexcept;
  void return_void() noexcept {}
};

template <class T>
struct Become;

}  // namespace detail

// A lazy coroutine with one owner. It starts when awaited and its result is the await's value.
//
// Destroying a Task that has not finished is how work is cancelled: its frame and those of the tasks it
// awaits are destroyed innermost first, so every local's destructor runs (permits are released, sockets
// closed) and no code after the pending co_await does. There is nothing to catch and nothing to forget. Leaf
// awaiters withdraw themselves from timers, sockets and queues in their destructors; destructors never wait.
//
// A Task may also be built from a value: it is then ready and costs no frame, which lets an interface whose
// usual answer is immediate (a write that the socket takes whole) return without a coroutine.
//
// Reference parameters of a coroutine must live until it completes; callers that await in place guarantee it,
// and TaskGroup is the only place that starts a task without awaiting it. Exceptions mean broken invariants:
// they pass through to the awaiting coroutine. Threads: a task lives and dies on one loop's thread.
template <class T = void>
class [[nodiscard]] Task {
 public:
  using promise_type = detail::Promise<T>;
  using Handle = std::coroutine_handle<promise_type>;

  Task(T ready) : ready_(std::move(ready)) {}  // NOLINT: implicit by design, see above
  explicit Task(Handle handle) noexcept : handle_(handle) {}
  Task(Task&& other) noexcept
      : handle_(std::exchange(other.handle_, nullptr)), ready_(std::move(other.ready_)) {}
  Task& operator=(Task&&) = delete;
  ~Task() {
    if (handle_) handle_.destroy();
  }

  bool await_ready() const noexcept { return !handle_; }
  Handle await_suspend(std::coroutine_handle<> awaiting) noexcept {
    handle_.promise().continuation = awaiting;
    handle_.promise().owner = &handle_;
    return handle_;
  }
  T await_resume() {
    if (!handle_) return std::move(*ready_);
    auto& promise = handle_.promise();
    if (promise.broken) std::rethrow_exception(promise.broken);
    return std::move(*promise.value);
  }

 private:
  friend detail::Become<T>;
  Handle handle_ = nullptr;
  std::optional<T> ready_;
};

template <>
class [[nodiscard]] Task<void> {
 public:
  using promise_type = detail::Promise<void>;
  using Handle = std::coroutine_handle<promise_type>;

  explicit Task(Handle handle) noexcept : handle_(handle) {}
  Task(Task&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  Task& operator=(Task&&) = delete;
  ~Task() {
    if (handle_) handle_.destroy();
  }

  bool await_ready() const noexcept { return false; }
  Handle await_suspend(std::coroutine_handle<> awaiting) noexcept {
    handle_.promise().continuation = awaiting;
    handle_.promise().owner = &handle_;
    return handle_;
  }
  void await_resume() {
    if (handle_.promise().broken) std::rethrow_exception(handle_.promise().broken);
  }

 private:
  friend detail::Become<void>;
  Handle handle_ = nullptr;
};

namespace detail {
template <class T>
Task<T> Promise<T>::get_return_object() noexcept {
  return Task<T>(std::coroutine_handle<Promise<T>>::from_promise(*this));
}
inline Task<void> Promise<void>::get_return_object() noexcept {
  return Task<void>(std::coroutine_handle<Promise<void>>::from_promise(*this));
}

template <class T>
struct Become {
  Task<T> task;

  bool await_ready() const noexcept { return task.await_ready(); }
  std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise<T>> self) noexcept {
    const std::coroutine_handle<Promise<T>> next = std::exchange(task.handle_, nullptr);
    next.promise().continuation = self.promise().continuation;
    next.promise().owner = self.promise().owner;
    *next.promise().owner = next;
    self.destroy();  // this object with it
    return next;
  }
  T await_resume() { return task.await_resume(); }  // of a task that is ready
};
}  // namespace detail

// Puts a task in the place of the coroutine that awaits it, which has nothing to do afterwards: its locals
// and parameters are destroyed and its frame is freed before the task begins, and whoever waits for it gets
// the task's result. The frame is then not held for as long as the task lasts.
//
//   co_return co_await become(next(exchange, client));
//
// The task must refer to nothing that belongs to the coroutine.
template <class T>
detail::Become<T> become(Task<T> task) noexcept {
  return {std::move(task)};
}

}  // namespace sluice
