#include "gateway/runtime/frame_pool.h"

#include <array>
#include <cstdint>
#include <new>

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SLUICE_PLAIN_FRAMES true
#endif
#endif
#ifndef SLUICE_PLAIN_FRAMES
#define SLUICE_PLAIN_FRAMES false
#endif

namespace sluice {
namespace {

constexpr bool kPlainFrames = SLUICE_PLAIN_FRAMES;
constexpr std::size_t kClassBytes = 64;
constexpr std::size_t kClasses = 64;  // frames above 4 KiB go to the heap
constexpr std::uint32_t kMaxFreePerClass =
    256;  // at most 64 x 256 frames, 34 MiB in theory, idle in practice

struct FreeFrame {
  FreeFrame* next;
};

struct FrameCache {
  std::array<FreeFrame*, kClasses> heads{};
  std::array<std::uint32_t, kClasses> counts{};

  ~FrameCache() {
    for (FreeFrame* frame : heads) {
      while (frame != nullptr) {
        FreeFrame* next = frame->next;
        ::operator delete(frame);
        frame = next;
      }
    }
  }
};

thread_local FrameCache cache;

constexpr std::size_t class_of(std::size_t size) {
  return (size - 1) / kClassBytes;
}

}  // namespace

void* allocate_frame(std::size_t size) {
  const std::size_t c = class_of(size);
  if (!kPlainFrames && c < kClasses) {
    if (FreeFrame* frame = cache.heads[c]) {
      cache.heads[c] = frame->next;
      --cache.counts[c];
      return frame;
    }
    return ::operator new((c + 1) * kClassBytes);
  }
  return ::operator new(size);
}

void free_frame(void* frame, std::size_t size) noexcept {
  const std::size_t c = class_of(size);
  if (!kPlainFrames && c < kClasses && cache.counts[c] < kMaxFreePerClass) {
    auto* free = static_cast<FreeFrame*>(frame);
    free->next = cache.heads[c];
    cache.heads[c] = free;
    ++cache.counts[c];
    return;
  }
  ::operator delete(frame);
}

}  // namespace sluice
