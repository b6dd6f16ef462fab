#include "gateway/http/http2/piece_buffer.h"

#include <algorithm>
#include <utility>

#include "gateway/base/free_memory.h"

namespace sluice::http2 {

void PieceBuffer::append(std::string_view bytes) {
  const std::size_t needed = waiting_.size() + bytes.size();
  if (needed > waiting_.capacity()) {
    // Into a string of its own: libstdc++ doubles the capacity of one that grows, past the window.
    PooledString grown;
    grown.reserve(std::max(needed, std::min(2 * waiting_.capacity(), window_)));
    grown.append(waiting_);
    waiting_ = std::move(grown);
  }
  waiting_.append(bytes);
}

std::string_view PieceBuffer::take() {
  lent_.swap(waiting_);
  waiting_.clear();
  // A reader may hold a few bytes for as long as its backend takes none: not in a buffer of a window's size.
  if (lent_.capacity() > kKeptBytes && lent_.capacity() > 2 * lent_.size()) PooledString(lent_).swap(lent_);
  // No more can arrive meanwhile than the window leaves.
  const std::size_t still_to_come = window_ - std::min(window_, lent_.size());
  if (waiting_.capacity() > std::max(kKeptBytes, std::min(still_to_come, 2 * lent_.size())))
    free_memory(waiting_);
  return lent_;
}

std::size_t PieceBuffer::give_back() noexcept {
  const std::size_t bytes = lent_.size();
  lent_.clear();
  return bytes;
}

void PieceBuffer::trim() noexcept {
  if (lent_.capacity() > kKeptBytes) free_memory(lent_);
  if (waiting_.empty() && waiting_.capacity() > kKeptBytes) free_memory(waiting_);
}

void PieceBuffer::clear() noexcept {
  free_memory(waiting_);
  free_memory(lent_);
}

}  // namespace sluice::http2
