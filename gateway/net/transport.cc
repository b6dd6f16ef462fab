#include "gateway/net/transport.h"

#include <utility>

namespace sluice {

void Transport::listen(Direction direction, ReadyListener* listener) {
  side(direction).listener = listener;
  if (listener != nullptr) arm_once(direction);
}

void Transport::arm_once(Direction direction) {
  Side& s = side(direction);
  if (s.armed) return;
  s.armed = true;
  arm(direction);
}

void Transport::ready(Direction direction) {
  Side& s = side(direction);
  s.armed = false;
  // Nothing after the call: the listener may destroy this transport.
  if (ReadyListener* listener = std::exchange(s.listener, nullptr)) listener->on_ready();
}

void Transport::peer_hung_up() {
  hung_up_ = true;
  if (HangupListener* listener = std::exchange(hangup_listener_, nullptr)) listener->on_hangup();
}

}  // namespace sluice
