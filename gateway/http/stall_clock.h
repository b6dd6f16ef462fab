#pragma once

#include <optional>

#include "gateway/runtime/time_source.h"

namespace sluice {

// Adds up for how long a client has had no room for what was written to it.
class StallClock {
 public:
  void begin(TimePoint now) noexcept { since_ = now; }
  void end(TimePoint now) noexcept {
    total_ = total(now);
    since_.reset();
  }
  bool running() const noexcept { return since_.has_value(); }
  Duration total(TimePoint now) const noexcept { return since_ ? total_ + (now - *since_) : total_; }

 private:
  Duration total_{};
  std::optional<TimePoint> since_;
};

}  // namespace sluice
