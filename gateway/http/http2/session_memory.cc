#include "gateway/http/http2/session_memory.h"

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <new>

#include "gateway/runtime/frame_pool.h"

namespace sluice::http2 {
namespace {

// The pool wants to know how large a piece was: it stands in front of it.
constexpr std::size_t kPrefix = alignof(std::max_align_t);
static_assert(kPrefix >= sizeof(std::size_t));

char* block_of(void* piece) noexcept {
  return static_cast<char*>(piece) - kPrefix;
}

std::size_t size_of(void* piece) noexcept {
  std::size_t size = 0;
  std::memcpy(&size, block_of(piece), sizeof size);
  return size;
}

void* allocate(std::size_t size, void*) noexcept {
  try {
    auto* block = static_cast<char*>(allocate_frame(size + kPrefix));
    std::memcpy(block, &size, sizeof size);
    return block + kPrefix;
  } catch (const std::bad_alloc&) {
    return nullptr;
  }
}

void deallocate(void* piece, void*) noexcept {
  if (piece != nullptr) free_frame(block_of(piece), size_of(piece) + kPrefix);
}

// The session counts members of its own structures: the product cannot overflow.
void* allocate_zeroed(std::size_t count, std::size_t size, void*) noexcept {
  void* piece = allocate(count * size, nullptr);
  if (piece != nullptr) std::memset(piece, 0, count * size);
  return piece;
}

void* reallocate(void* piece, std::size_t size, void*) noexcept {
  void* grown = allocate(size, nullptr);
  if (piece == nullptr || grown == nullptr) return grown;
  std::memcpy(grown, piece, std::min(size, size_of(piece)));
  deallocate(piece, nullptr);
  return grown;
}

}  // namespace

nghttp2_mem* session_memory() noexcept {
  static nghttp2_mem memory{nullptr, allocate, deallocate, allocate_zeroed, reallocate};
  return &memory;
}

}  // namespace sluice::http2
