#pragma once

#include <coroutine>
#include <exception>
#include <optional>
#include <utility>

#include "gateway/runtime/loop.h"
#include "gateway/runtime/task.h"

namespace sluice {

// A task that runs beside its parent: started at once, joined later, cancelled when the Child is destroyed or
// by cancel(). The two loops of a full-duplex relay, and work that a client's departure may cut short, are
// children.
//
//   Child<Result<void>> upload(loop, send_body(...));      // runs to its first suspension here
//   ... read the answer ...
//   std::optional<Result<void>> sent = co_await upload.join();   // nullopt: it was cancelled
//
// One joiner at most. cancel() must not be called from inside the child. Threads: its loop's only.
template <class T>
class Child {
 public:
  Child(Loop& loop, Task<T> task) : loop_(loop), run_(drive(*this, std::move(task))) { run_.handle.resume(); }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child() { run_.destroy(); }

  bool finished() const noexcept { return finished_; }
  const std::optional<T>& result() const noexcept { return result_; }

  void cancel() noexcept {
    if (finished_) return;
    finished_ = true;
    run_.destroy();
    if (joiner_.coroutine) loop_.make_ready(joiner_);
  }

  struct Join {
    Child& child;
    bool await_ready() const noexcept { return child.finished_; }
    void await_suspend(std::coroutine_handle<> awaiting) noexcept { child.joiner_.coroutine = awaiting; }
    std::optional<T> await_resume() {
      if (child.broken_) std::rethrow_exception(child.broken_);
      return std::move(child.result_);
    }
  };
  Join join() noexcept { return Join{*this}; }

 private:
  struct Run {
    struct promise_type {
      Child* child = nullptr;
      promise_type(Child& c, Task<T>&) noexcept : child(&c) {}
      static void* operator new(std::size_t size) { return allocate_frame(size); }
      static void operator delete(void* frame, std::size_t size) noexcept { free_frame(frame, size); }
      Run get_return_object() noexcept {
        return Run{std::coroutine_handle<promise_type>::from_promise(*this)};
      }
      std::suspend_always initial_suspend() noexcept { return {}; }
      struct Final {
        bool await_ready() const noexcept { return false; }
        std::coroutine_handle<> await_suspend(std::coroutine_handle<promise_type> self) noexcept {
          // The joiner may destroy this frame, which is suspended here and may be.
          Child& owner = *self.promise().child;
          owner.finished_ = true;
          return owner.joiner_.coroutine ? owner.joiner_.coroutine : std::noop_coroutine();
        }
        void await_resume() const noexcept {}
      };
      Final final_suspend() noexcept { return {}; }
      void return_void() noexcept {}
      void unhandled_exception() noexcept { child->broken_ = std::current_exception(); }
    };

    void destroy() noexcept {
      if (auto h = std::exchange(handle, nullptr)) h.destroy();
    }
    std::coroutine_handle<promise_type> handle;
  };

  static Run drive(Child& self, Task<T> task) { self.result_.emplace(co_await task); }

  Loop& loop_;
  Waiter joiner_;
  bool finished_ = false;
  std::optional<T> result_;
  std::exception_ptr broken_;
  Run run_;
};

}  // namespace sluice
