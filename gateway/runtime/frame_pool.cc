#include "gateway/runtime/frame_pool.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <new>

#include "gateway/base/sanitized.h"

namespace sluice {
namespace {

constexpr std::size_t kClassBytes = 32;
constexpr std::size_t kClasses = 128;  // frames above 4 KiB go to the heap
constexpr std::uint32_t kMaxFreePerClass =
    256;  // at most 128 x 256 frames, 68 MiB in theory, some hundred KiB in practice
constexpr std::uint32_t kMany = 8;

struct FreeFrame {
  FreeFrame* next;
};

struct FrameCache {
  std::array<FreeFrame*, kClasses> heads;
  std::array<std::uint32_t, kClasses> counts;
};

// Without a destructor, so that an access is not preceded by a look whether it was built yet.
constinit thread_local FrameCache cache{};

// Frees the thread's cache at its end, if the thread ever asked the heap for a frame.
struct AtThreadEnd {
  ~AtThreadEnd() {
    for (FreeFrame* frame : cache.heads) {
      while (frame != nullptr) {
        FreeFrame* next = frame->next;
        ::operator delete(frame);
        frame = next;
      }
    }
    cache = {};
  }
};

void free_at_thread_end() {
  thread_local const AtThreadEnd at_end;
  (void)at_end;
}

constexpr std::size_t class_of(std::size_t size) {
  return (size - 1) / kClassBytes;
}

// A somewhat larger one of which there are many, which is one of its class from then on. A burst of exchanges
// takes its steps side by side: what the frames of one step leave is there for those of the next.
void* spare_frame(std::size_t c) noexcept {
  const std::size_t last = std::min(kClasses - 1, c + c / 2 + 1);
  for (std::size_t larger = c + 1; larger <= last; ++larger) {
    if (cache.counts[larger] < kMany) continue;
    FreeFrame* frame = cache.heads[larger];
    cache.heads[larger] = frame->next;
    --cache.counts[larger];
    return frame;
  }
  return nullptr;
}

}  // namespace

void* allocate_frame(std::size_t size) {
  const std::size_t c = class_of(size);
  if (!kSanitized && c < kClasses) {
    if (FreeFrame* frame = cache.heads[c]) {
      cache.heads[c] = frame->next;
      --cache.counts[c];
      return frame;
    }
    if (void* frame = spare_frame(c)) return frame;
    free_at_thread_end();
    return ::operator new((c + 1) * kClassBytes);
  }
  return ::operator new(size);
}

void free_frame(void* frame, std::size_t size) noexcept {
  const std::size_t c = class_of(size);
  if (!kSanitized && c < kClasses && cache.counts[c] < kMaxFreePerClass) {
    auto* free = static_cast<FreeFrame*>(frame);
    free->next = cache.heads[c];
    cache.heads[c] = free;
    ++cache.counts[c];
    return;
  }
  ::operator delete(frame);
}

}  // namespace sluice
