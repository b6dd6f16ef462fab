#include "gateway/http/http1/input_buffer.h"

#include <algorithm>
#include <cstring>

namespace sluice::http1 {

void InputBuffer::release_if_empty() noexcept {
  if (!empty()) return;
  block_.release();
  begin_ = end_ = 0;
  maybe_more_ = false;
}

bool InputBuffer::make_room(std::size_t most) {
  BufferPool& pool = transport_.loop().buffers();
  if (empty()) {
    const BlockSize wanted = small_ ? BlockSize::kSmall : pool.for_reading(most);
    if (!block_ || block_.kind() < wanted) block_ = pool.acquire(wanted);
    begin_ = end_ = 0;
    return true;
  }
  if (end_ < block_.size()) return true;
  if (begin_ == 0) {
    if (block_.kind() == BlockSize::kLarge) return false;
    BufferPool::Block larger = pool.acquire(BlockSize::kLarge);
    std::memcpy(larger.data(), block_.data(), end_);
    block_ = std::move(larger);
    return true;
  }
  std::memmove(block_.data(), block_.data() + begin_, end_ - begin_);
  end_ -= begin_;
  begin_ = 0;
  return true;
}

Task<InputBuffer::Fill> InputBuffer::fill(TimePoint deadline, const Room* room) {
  for (bool try_first = maybe_more_ && ++eager_reads_ < kMaxEagerReads;; try_first = false) {
    if (!try_first) {
      eager_reads_ = 0;
      release_if_empty();
      const bool in_time = co_await transport_.readable(deadline);
      if (!in_time) co_return Fill::kTimeout;
    }
    const std::size_t most = room != nullptr ? room->room() : SIZE_MAX;
    if (!make_room(most)) co_return Fill::kFull;
    const std::size_t asked = std::min(block_.size() - end_, most);
    const IoResult r = transport_.try_read({block_.data() + end_, asked});
    maybe_more_ = r.status == IoResult::Status::kOk && r.bytes == asked;
    switch (r.status) {
      case IoResult::Status::kOk:
        end_ += r.bytes;
        co_return Fill::kMore;
      case IoResult::Status::kEnd:
        co_return Fill::kEnd;
      case IoResult::Status::kBroken:
        co_return Fill::kBroken;
      case IoResult::Status::kWouldBlock:
        break;
    }
  }
}

}  // namespace sluice::http1
