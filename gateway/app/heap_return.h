#pragma once

#include <cstdint>
#include <functional>

#include "gateway/runtime/loop.h"
#include "gateway/runtime/timer_wheel.h"

namespace sluice {

// Gives the memory that a peak has left free in the heap back to the system. The C library keeps it: a
// gateway that once held ten thousand streams would look for ever as if it still did. Going through the heap
// takes milliseconds, during which a shard may wait for memory, so it is done when a peak has passed, and
// seldom.
//
// Threads: the loop's only. The loop outlives it.
class HeapReturn {
 public:
  static constexpr Duration kInterval = std::chrono::seconds(1);
  // A peak has passed when no more than half of it is left, and so much less.
  static constexpr std::int64_t kLeastDrop = 500;
  static constexpr Duration kLeastPause = std::chrono::seconds(10);

  // `open`: connections and exchanges at the moment. `give_back` returns what is free (malloc_trim(3)).
  HeapReturn(Loop& loop, std::move_only_function<std::int64_t()> open,
             std::move_only_function<void()> give_back);
  HeapReturn(const HeapReturn&) = delete;
  HeapReturn& operator=(const HeapReturn&) = delete;

 private:
  void look();

  Loop& loop_;
  std::move_only_function<std::int64_t()> open_;
  std::move_only_function<void()> give_back_;
  std::int64_t peak_ = 0;  // since memory was given back last
  TimePoint not_before_{};
  Timer timer_;
};

}  // namespace sluice
