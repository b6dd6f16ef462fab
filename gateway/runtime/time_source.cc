#include "gateway/runtime/time_source.h"

namespace sluice {

TimePoint SystemTime::now() const noexcept {
  return TimePoint(std::chrono::steady_clock::now().time_since_epoch());
}

WallTime SystemTime::wall() const noexcept {
  return std::chrono::system_clock::now();
}

}  // namespace sluice
