#pragma once

#include <cstddef>
#include <cstdlib>
#include <memory>
#include <string_view>

#include "gateway/base/result.h"

namespace sluice::llm {

// Readable bytes past the end of a body that a vectorised JSON scanner may touch.
inline constexpr std::size_t kJsonPadding = 64;

// A request's body in one contiguous piece, grown as bytes arrive up to a limit in bytes, with kJsonPadding
// bytes of room behind it so that it is scanned in place. Memory is at most twice what has arrived, or what
// was reserved. Growing moves the bytes: views and RequestViews of the body hold only after the last append.
// Moving the buffer object keeps them valid. Not thread safe.
class BodyBuffer {
 public:
  explicit BodyBuffer(std::size_t limit) noexcept : limit_(limit) {}
  BodyBuffer(BodyBuffer&& other) noexcept;
  BodyBuffer& operator=(BodyBuffer&& other) noexcept;

  // Makes room for a body of `size` bytes, as announced by Content-Length: kBodyTooLarge when that is over
  // the limit. The pages are touched only by what really arrives. Throws std::bad_alloc, as append does.
  Result<void> reserve(std::size_t size);

  // kBodyTooLarge when the body would pass the limit; the buffer is then unchanged.
  Result<void> append(std::string_view bytes);

  std::string_view view() const noexcept { return {bytes_.get(), size_}; }
  std::size_t size() const noexcept { return size_; }
  std::size_t limit() const noexcept { return limit_; }
  // Bytes held from the allocator, padding included.
  std::size_t memory() const noexcept { return bytes_ ? capacity_ + kJsonPadding : 0; }

  // Gives the memory back once the body is no longer needed, which may be minutes before the stream ends.
  void release() noexcept;

 private:
  struct Free {
    void operator()(char* bytes) const noexcept { std::free(bytes); }
  };

  Result<void> too_large() const;
  void grow_to(std::size_t capacity);

  std::unique_ptr<char, Free> bytes_;
  std::size_t size_ = 0;
  std::size_t capacity_ = 0;
  std::size_t limit_;
};

}  // namespace sluice::llm
