#pragma once

#include <chrono>
#include <cstdint>

namespace sluice {

using Duration = std::chrono::nanoseconds;

// The gateway's monotonic time line. It has no now(): only a TimeSource tells the time.
struct MonotonicClock {
  using duration = Duration;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<MonotonicClock, duration>;
  static constexpr bool is_steady = true;
};
using TimePoint = MonotonicClock::time_point;

// Wall-clock time, for logs, Date headers and the validity of certificates only: never for a deadline or
// another decision.
using WallTime = std::chrono::time_point<std::chrono::system_clock, Duration>;

inline constexpr TimePoint kNever = TimePoint::max();

// Where every part of the gateway reads the time. Threads: any.
class TimeSource {
 public:
  virtual ~TimeSource() = default;
  virtual TimePoint now() const noexcept = 0;
  virtual WallTime wall() const noexcept = 0;
};

// The wall's time as certificates count it.
inline std::chrono::sys_seconds wall_seconds(const TimeSource& time) noexcept {
  return std::chrono::floor<std::chrono::seconds>(time.wall());
}

// CLOCK_MONOTONIC and CLOCK_REALTIME.
class SystemTime final : public TimeSource {
 public:
  TimePoint now() const noexcept override;
  WallTime wall() const noexcept override;
};

// Time that moves only when told to, for tests. Wall time moves with it. Threads: one.
class ManualTime final : public TimeSource {
 public:
  TimePoint now() const noexcept override { return now_; }
  WallTime wall() const noexcept override { return WallTime(now_.time_since_epoch()); }
  void advance(Duration by) noexcept { now_ += by; }

 private:
  TimePoint now_{std::chrono::hours(1000)};
};

}  // namespace sluice
