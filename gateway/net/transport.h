#pragma once

#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "gateway/runtime/loop.h"

namespace sluice {

struct TlsState;

enum class Direction : std::uint8_t { kRead, kWrite };

// The outcome of one non-blocking read or write.
struct IoResult {
  enum class Status : std::uint8_t {
    kOk,          // `bytes` > 0 were moved
    kWouldBlock,  // wait for readiness, then try again
    kEnd,         // read only: the peer closed its side in order
    kBroken,      // reset, timed out by the kernel, or closed by us
  };
  Status status;
  std::size_t bytes = 0;
};

// Told by the transport that a direction became ready; once per wait.
class ReadyListener {
 public:
  virtual void on_ready() = 0;

 protected:
  ~ReadyListener() = default;
};

// Told once that the peer closed, half-closed or reset the connection, whether or not unread bytes are queued
// in front. A half-closed peer counts as gone, as in nginx: what it asked for would be GPU time for nobody.
class HangupListener {
 public:
  virtual void on_hangup() = 0;

 protected:
  ~HangupListener() = default;
};

// A connection's byte stream: the leaf under every codec. Small on purpose, so that another reactor or TLS
// can take its place: two non-blocking moves, readiness, and the end.
//
//   for (;;) {
//     IoResult r = transport.try_read(buffer);
//     if (r.status != IoResult::Status::kWouldBlock) break;
//     if (!co_await transport.readable(deadline)) co_return timed_out;
//   }
//
// At most one waiter per direction. Threads: its loop's only. Destroying it closes the connection; callbacks
// still under way are dropped.
class Transport {
 public:
  explicit Transport(Loop& loop) noexcept : loop_(loop) {}
  Transport(const Transport&) = delete;
  Transport& operator=(const Transport&) = delete;
  virtual ~Transport() = default;

  virtual IoResult try_read(std::span<char> into) noexcept = 0;
  // Gathers the pieces into one write; may take only some of the bytes. At most kMaxPieces. What it did not
  // take comes first in the next call: TLS may have encrypted it already.
  virtual IoResult try_write(std::span<const std::string_view> pieces) noexcept = 0;
  static constexpr std::size_t kMaxPieces = 16;

  virtual void shutdown_write() noexcept = 0;
  // Waits under way end in the same loop turn; the next move is kBroken.
  virtual void close() noexcept = 0;
  // Closes with a reset, so that the peer does not take what it has for a whole answer.
  virtual void reset() noexcept = 0;

  // The last read may have left bytes that no readiness will tell of before the next read.
  virtual bool may_have_more() const noexcept = 0;

  // Where the peer is, in Address::to_string() form; "unix" for a Unix socket's unnamed peer.
  virtual const std::string& peer() const noexcept = 0;

  // What TLS knows of the connection; null for a plain one. It stays until the transport is destroyed.
  virtual const TlsState* tls() const noexcept { return nullptr; }

  class Wait;
  // co_await yields true when a move is worth trying, false when the deadline passed.
  Wait readable(TimePoint deadline) noexcept;
  Wait writable(TimePoint deadline) noexcept;

  // Registers a listener without a coroutine, or withdraws it with nullptr. Idle pooled connections use it to
  // hear of anything unexpected; one that is pending serves a later readable() as well.
  void listen(Direction direction, ReadyListener* listener);

  // Nobody will read for a while: a peer that says goodbye in the bytes it sends (TLS' close_notify), with
  // its socket left open, counts as hung up too, unless other bytes are in front.
  virtual void watch_for_goodbye() {}
  // One listener; nullptr withdraws it. hung_up() stays true once the peer was seen to leave.
  void set_hangup_listener(HangupListener* listener) noexcept { hangup_listener_ = listener; }
  bool hung_up() const noexcept { return hung_up_; }

  Loop& loop() const noexcept { return loop_; }

 protected:
  // Asks for one call of ready(direction). Called only when not already asked.
  virtual void arm(Direction direction) = 0;
  bool armed(Direction direction) noexcept { return side(direction).armed; }

  void ready(Direction direction);
  // ready() will be called once, whether or not somebody listens.
  void arm_once(Direction direction);
  void peer_hung_up();
  // Somebody waits for this direction.
  bool awaited(Direction direction) noexcept { return side(direction).listener != nullptr; }

 private:
  struct Side {
    ReadyListener* listener = nullptr;
    bool armed = false;
  };

  Side& side(Direction d) noexcept { return sides_[static_cast<std::size_t>(d)]; }

  Loop& loop_;
  Side sides_[2];
  HangupListener* hangup_listener_ = nullptr;
  bool hung_up_ = false;
};

class Transport::Wait final : private ReadyListener {
 public:
  Wait(Transport& transport, Direction direction, TimePoint deadline) noexcept
      : transport_(transport), direction_(direction), deadline_(deadline), timer_(&expired, this) {}
  Wait(const Wait&) = delete;
  Wait& operator=(const Wait&) = delete;
  ~Wait() {
    if (waiting_) transport_.listen(direction_, nullptr);
  }

  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> coroutine) {
    coroutine_ = coroutine;
    waiting_ = true;
    transport_.loop().arm(timer_, deadline_);
    transport_.listen(direction_, this);
  }
  bool await_resume() const noexcept { return !expired_; }

 private:
  void on_ready() override {
    waiting_ = false;
    timer_.disarm();
    coroutine_.resume();
  }
  static void expired(void* self) {
    auto& wait = *static_cast<Wait*>(self);
    wait.expired_ = true;
    wait.waiting_ = false;
    wait.transport_.listen(wait.direction_, nullptr);
    wait.coroutine_.resume();
  }

  Transport& transport_;
  Direction direction_;
  bool waiting_ = false;
  bool expired_ = false;
  TimePoint deadline_;
  Timer timer_;
  std::coroutine_handle<> coroutine_;
};

inline Transport::Wait Transport::readable(TimePoint deadline) noexcept {
  return Wait(*this, Direction::kRead, deadline);
}
inline Transport::Wait Transport::writable(TimePoint deadline) noexcept {
  return Wait(*this, Direction::kWrite, deadline);
}

}  // namespace sluice
