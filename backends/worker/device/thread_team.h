#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <thread>
#include <vector>

namespace sluice::worker {

// Threads that compute one piece of work together with the thread that hands it out. They wait in the kernel
// between pieces: spinning would take the time of whatever else the processors do (the API's loop, other
// workers), which costs more than waking up.
class ThreadTeam {
 public:
  // `threads` in all, the caller's included; 1 starts none. `pin`: each thread stays on a processor of its
  // own, of those the process may use, in their order; the caller is the first and calls pin_caller() itself.
  // Throws std::system_error if a thread cannot be started.
  ThreadTeam(std::size_t threads, bool pin);
  ~ThreadTeam();
  ThreadTeam(const ThreadTeam&) = delete;
  ThreadTeam& operator=(const ThreadTeam&) = delete;

  std::size_t threads() const noexcept { return members_.size() + 1; }

  // Calls body(part) once for each part below `parts`, on any of the threads, and returns when all are done.
  // One caller at a time; `body` must not throw.
  template <typename Body>
  void run(std::size_t parts, const Body& body) {
    if (members_.empty() || parts <= 1) {
      for (std::size_t part = 0; part < parts; ++part)
        body(part);
      return;
    }
    run_together(
        parts, [](const void* object, std::size_t part) { (*static_cast<const Body*>(object))(part); },
        &body);
  }

  // Once for the thread that calls `run` from now on; nothing without `pin`.
  void pin_caller();

 private:
  using Call = void (*)(const void* object, std::size_t part);

  void run_together(std::size_t parts, Call call, const void* object);
  void take_parts();
  void serve(std::size_t member);
  void stop();

  const bool pin_;
  std::vector<int> processors_;  // that may be used; empty unless pin_

  // The piece of work: written before `round_` is raised, read after.
  Call call_ = nullptr;
  const void* object_ = nullptr;
  std::size_t parts_ = 0;
  std::atomic<std::size_t> next_{0};
  std::atomic<std::uint32_t> round_{0};
  std::atomic<std::uint32_t> busy_{0};
  std::atomic<bool> stopping_{false};
  std::vector<std::thread> members_;
};

}  // namespace sluice::worker
