#pragma once

#include <cstdint>

#include "gateway/runtime/time_source.h"

namespace sluice::http2 {

// A token bucket on the loop's clock: full at first, refilled with time, and by work that justifies more.
class Allowance {
 public:
  Allowance(std::uint32_t capacity, std::uint32_t per_second, TimePoint now) noexcept
      : capacity_(capacity), per_second_(per_second), left_(capacity), refilled_at_(now) {}

  // False when there is not so much left: then nothing is taken.
  bool take(TimePoint now, std::uint32_t amount) noexcept;
  void earn(std::uint32_t amount) noexcept;

 private:
  std::uint32_t capacity_;
  std::uint32_t per_second_;
  std::uint32_t left_;
  TimePoint refilled_at_;
};

// What a client may make the gateway do that is no request (RFC 9113 10.5). Both allowances are far above
// what clients need and far below what would be felt: 1,000 frames are about 100 µs of work.
class FloodGuard {
 public:
  // SETTINGS, PING, PRIORITY, WINDOW_UPDATE, empty DATA and unknown frames share one allowance. Heads and
  // bodies that move earn it back, so that a client may answer each DATA frame with two WINDOW_UPDATE frames
  // and a PING for as long as answers stream.
  static constexpr std::uint32_t kControlFrames = 1000;
  static constexpr std::uint32_t kControlFramesPerSecond = 100;
  static constexpr std::uint32_t kEarnedPerFrame = 4;
  // Each SETTINGS frame may touch every stream.
  static constexpr std::uint32_t kSettingsCost = 10;
  // A stream that is refused, which its client may not know better than to open, costs what its head earned
  // and one more: a burst before the client has seen the limit is served, one without end is not.
  static constexpr std::uint32_t kRefusalCost = kEarnedPerFrame + 1;
  // Streams that ended early: reset by the client, or by the gateway for the client's mistakes.
  static constexpr std::uint32_t kResets = 256;
  static constexpr std::uint32_t kResetsPerSecond = 32;

  explicit FloodGuard(TimePoint now) noexcept
      : control_(kControlFrames, kControlFramesPerSecond, now), resets_(kResets, kResetsPerSecond, now) {}

  // False when the allowance is used up.
  bool control_frame(TimePoint now, std::uint32_t cost = 1) noexcept { return control_.take(now, cost); }
  void useful_frame() noexcept { control_.earn(kEarnedPerFrame); }
  bool reset(TimePoint now) noexcept { return resets_.take(now, 1); }

 private:
  Allowance control_;
  Allowance resets_;
};

}  // namespace sluice::http2
