#pragma once

#include <algorithm>

#include "gateway/runtime/loop.h"

namespace sluice {

// When to try again to connect to what refuses: after kFirst, and twice as long after each further failure up
// to kLongest, less up to half of it by the loop's dice, so that many who lost the same server do not return
// to it as one. Threads: its loop's.
class ConnectBackoff {
 public:
  static constexpr Duration kFirst = std::chrono::milliseconds(100);
  static constexpr Duration kLongest = std::chrono::seconds(10);

  explicit ConnectBackoff(Loop& loop) noexcept : loop_(loop) {}

  void failed() noexcept {
    const auto half = static_cast<std::uint64_t>(wait_.count()) / 2;
    next_try_ = loop_.now() + wait_ - Duration(static_cast<std::int64_t>(loop_.random().below(half)));
    wait_ = std::min(wait_ * 2, kLongest);
  }
  void succeeded() noexcept {
    wait_ = kFirst;
    next_try_ = {};
  }
  TimePoint next_try() const noexcept { return next_try_; }

 private:
  Loop& loop_;
  Duration wait_ = kFirst;
  TimePoint next_try_{};
};

}  // namespace sluice
