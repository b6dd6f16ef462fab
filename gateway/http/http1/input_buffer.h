#pragma once

#include <cstdint>
#include <string_view>
#include <utility>

#include "gateway/http/received_bytes.h"
#include "gateway/http/stream.h"
#include "gateway/net/transport.h"
#include "gateway/runtime/buffer_pool.h"
#include "gateway/runtime/task.h"

namespace sluice::http1 {

// What a connection has received and not yet used. It holds a block of the loop's pool only while there are
// such bytes: a connection that waits for its next byte holds none.
class InputBuffer {
 public:
  enum class Fill : std::uint8_t { kMore, kEnd, kBroken, kTimeout, kFull };

  // What a client sends: at most a small block of it at once, but for a head that is larger.
  InputBuffer(Transport& transport, ReceivedBytes received) noexcept
      : transport_(transport), small_(true), block_(std::move(received.block)), end_(received.size) {}
  // What a backend sends.
  explicit InputBuffer(Transport& transport) noexcept : transport_(transport), small_(false) {}

  std::string_view unread() const noexcept { return {block_.data() + begin_, end_ - begin_}; }
  char* unread_data() noexcept { return block_.data() + begin_; }
  std::size_t unread_size() const noexcept { return end_ - begin_; }
  bool empty() const noexcept { return begin_ == end_; }

  void consume(std::size_t bytes) noexcept { begin_ += bytes; }

  // Waits for bytes and appends what one read yields, at most what there is room for. Views into unread() are
  // invalid afterwards. kFull: a head does not fit in the largest block.
  Task<Fill> fill(TimePoint deadline, const Room* room = nullptr);

  // Gives the block back if nothing is left in it.
  void release_if_empty() noexcept;

 private:
  bool make_room(std::size_t most);

  Transport& transport_;
  bool small_;
  BufferPool::Block block_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  // Reads in a row without a wait: a peer that sends as fast as it is read must not keep the loop from its
  // other connections, of which a turn may have a hundred. 3 blocks are at most 192 KiB.
  static constexpr int kMaxEagerReads = 3;
  int eager_reads_ = 0;
  // The last read filled its buffer, so another one is worth a system call before waiting.
  bool maybe_more_ = false;
};

}  // namespace sluice::http1
