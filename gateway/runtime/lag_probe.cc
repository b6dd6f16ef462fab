#include "gateway/runtime/lag_probe.h"

#include <algorithm>
#include <utility>

namespace sluice {

LagProbe::LagProbe(Loop& loop, std::move_only_function<void(Duration)> report)
    : loop_(loop),
      report_(std::move(report)),
      timer_([](void* self) { static_cast<LagProbe*>(self)->fired(); }, this) {
  loop_.arm(timer_, loop_.now() + kInterval);
}

void LagProbe::fired() {
  const TimePoint now = loop_.now();
  // From now and not from the deadline: after a stall there is nothing to catch up with.
  const TimePoint due = timer_.deadline() + TimerWheel::kTick;
  loop_.arm(timer_, now + kInterval);
  report_(std::max(now - due, Duration::zero()));
}

}  // namespace sluice
