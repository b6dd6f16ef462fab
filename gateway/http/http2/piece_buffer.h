#pragma once

#include <cstddef>
#include <string_view>

#include "gateway/runtime/pooled_allocator.h"

namespace sluice::http2 {

// What a peer sent of a body ahead of its reader: bytes wait until they are taken, and are then lent to the
// reader as one piece until it gives that back. Two buffers change places, so that bytes are copied once and
// a body that drips costs no allocation; neither stays much larger than what it holds.
//
// Threads: one.
class PieceBuffer {
 public:
  // A buffer of this size, in bytes, stays while nothing is in it.
  static constexpr std::size_t kKeptBytes = 1024;

  // `window`: what the peer may have sent and not been given back, in bytes. It is the peer's to keep to and
  // its connection's to enforce; here it bounds what is allocated ahead.
  explicit PieceBuffer(std::size_t window) noexcept : window_(window) {}

  void append(std::string_view bytes);
  // Lends all that waits. The piece that was lent before must have been given back.
  std::string_view take();
  std::string_view lent() const noexcept { return lent_; }
  // The reader is done with its piece. Returns how many bytes that were.
  std::size_t give_back() noexcept;
  // Nothing waits, and it may be long until something does: at most 2 * kKeptBytes of memory are kept.
  void trim() noexcept;
  // Drops everything, the piece that is lent as well, and keeps no memory.
  void clear() noexcept;

  // Nothing waits; a piece may still be lent.
  bool empty() const noexcept { return waiting_.empty(); }
  std::size_t waiting() const noexcept { return waiting_.size(); }
  // Bytes that wait or are lent.
  std::size_t held() const noexcept { return waiting_.size() + lent_.size(); }
  // Memory of the buffers, in bytes: at most twice the window.
  std::size_t memory() const noexcept { return waiting_.capacity() + lent_.capacity(); }

 private:
  std::size_t window_;
  PooledString waiting_;  // arrived and not yet taken
  PooledString lent_;     // the piece that was taken last
};

}  // namespace sluice::http2
