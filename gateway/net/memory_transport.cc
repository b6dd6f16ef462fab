#include "gateway/net/memory_transport.h"

#include <algorithm>
#include <cstring>

namespace sluice {

struct MemoryTransport::Wire {
  std::size_t capacity;
  Pipe pipes[2];                                  // pipes[i] carries bytes towards end i
  MemoryTransport* ends[2] = {nullptr, nullptr};  // null once destroyed
};

std::pair<std::unique_ptr<MemoryTransport>, std::unique_ptr<MemoryTransport>> MemoryTransport::pair(
    Loop& loop, std::size_t capacity) {
  auto wire = std::make_shared<Wire>();
  wire->capacity = capacity;
  return {std::unique_ptr<MemoryTransport>(new MemoryTransport(loop, wire, 0)),
          std::unique_ptr<MemoryTransport>(new MemoryTransport(loop, wire, 1))};
}

MemoryTransport::MemoryTransport(Loop& loop, std::shared_ptr<Wire> wire, int end)
    : Transport(loop), wire_(std::move(wire)), end_(end) {
  wire_->ends[end] = this;
}

MemoryTransport::~MemoryTransport() {
  close();
  wire_->ends[end_] = nullptr;
}

MemoryTransport::Pipe& MemoryTransport::incoming() const noexcept {
  return wire_->pipes[end_];
}
MemoryTransport::Pipe& MemoryTransport::outgoing() const noexcept {
  return wire_->pipes[1 - end_];
}
MemoryTransport* MemoryTransport::other() const noexcept {
  MemoryTransport* peer = wire_->ends[1 - end_];
  return peer != nullptr && !peer->closed_ ? peer : nullptr;
}
bool MemoryTransport::peer_closed() const noexcept {
  return other() == nullptr;
}

IoResult MemoryTransport::try_read(std::span<char> into) noexcept {
  Pipe& pipe = incoming();
  if (closed_ || pipe.reset) return {IoResult::Status::kBroken};
  if (pipe.bytes.empty()) return {pipe.closed ? IoResult::Status::kEnd : IoResult::Status::kWouldBlock};
  const std::size_t n = std::min({into.size(), pipe.bytes.size(), read_limit_});
  std::memcpy(into.data(), pipe.bytes.data(), n);
  pipe.bytes.erase(0, n);
  if (other() != nullptr) other()->wake(Direction::kWrite);
  return {IoResult::Status::kOk, n};
}

IoResult MemoryTransport::try_write(std::span<const std::string_view> pieces) noexcept {
  Pipe& pipe = outgoing();
  if (closed_ || pipe.closed || peer_closed()) return {IoResult::Status::kBroken};
  std::size_t room = wire_->capacity - pipe.bytes.size();
  if (room == 0) return {IoResult::Status::kWouldBlock};
  std::size_t written = 0;
  for (std::string_view piece : pieces) {
    const std::size_t n = std::min(room, piece.size());
    pipe.bytes.append(piece.substr(0, n));
    written += n;
    room -= n;
  }
  ++writes_;
  other()->wake(Direction::kRead);
  return {IoResult::Status::kOk, written};
}

void MemoryTransport::arm(Direction direction) {
  wanted_[static_cast<int>(direction)] = true;
  const bool now = direction == Direction::kRead
                       ? closed_ || incoming().closed || incoming().reset || !incoming().bytes.empty()
                       : closed_ || peer_closed() || outgoing().bytes.size() < wire_->capacity;
  if (now) wake(direction);
}

void MemoryTransport::wake(Direction direction) {
  if (!std::exchange(wanted_[static_cast<int>(direction)], false)) return;
  loop().post([wire = wire_, end = end_, direction] {
    if (MemoryTransport* self = wire->ends[end]) self->ready(direction);
  });
}

void MemoryTransport::shutdown_write() noexcept {
  if (std::exchange(outgoing().closed, true)) return;
  if (MemoryTransport* peer = other()) {
    peer->wake(Direction::kRead);
    loop().post([wire = wire_, end = 1 - end_] {
      MemoryTransport* self = wire->ends[end];
      if (self != nullptr && !self->closed_) self->peer_hung_up();
    });
  }
}

void MemoryTransport::close() noexcept {
  if (std::exchange(closed_, true)) return;
  shutdown_write();
  if (MemoryTransport* peer = other()) peer->wake(Direction::kWrite);
  // Whoever waits here tries again and hears that the connection is broken.
  wake(Direction::kRead);
  wake(Direction::kWrite);
}

void MemoryTransport::reset() noexcept {
  outgoing().reset = true;
  close();
}

}  // namespace sluice
