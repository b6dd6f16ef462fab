#include "gateway/llm/body_buffer.h"

#include <algorithm>
#include <cstring>
#include <new>
#include <string>
#include <utility>

namespace sluice::llm {
namespace {

// One page with its padding: a body that came without Content-Length is not grown in smaller steps.
constexpr std::size_t kFirstCapacity = 4096 - kJsonPadding;

}  // namespace

BodyBuffer::BodyBuffer(BodyBuffer&& other) noexcept
    : bytes_(std::move(other.bytes_)),
      size_(std::exchange(other.size_, 0)),
      capacity_(std::exchange(other.capacity_, 0)),
      limit_(other.limit_) {}

BodyBuffer& BodyBuffer::operator=(BodyBuffer&& other) noexcept {
  bytes_ = std::move(other.bytes_);
  size_ = std::exchange(other.size_, 0);
  capacity_ = std::exchange(other.capacity_, 0);
  limit_ = other.limit_;
  return *this;
}

Result<void> BodyBuffer::reserve(std::size_t size) {
  if (size > limit_) return too_large();
  if (size > capacity_) grow_to(size);
  return {};
}

Result<void> BodyBuffer::append(std::string_view bytes) {
  if (bytes.empty()) return {};
  if (bytes.size() > limit_ - size_) return too_large();
  const std::size_t needed = size_ + bytes.size();
  if (needed > capacity_) grow_to(std::min(limit_, std::max({needed, 2 * size_, kFirstCapacity})));
  std::memcpy(bytes_.get() + size_, bytes.data(), bytes.size());
  size_ = needed;
  return {};
}

void BodyBuffer::release() noexcept {
  bytes_.reset();
  size_ = 0;
  capacity_ = 0;
}

Result<void> BodyBuffer::too_large() const {
  return fail(ErrorKind::kBodyTooLarge,
              "The request body is larger than the limit of " + std::to_string(limit_) + " bytes.");
}

// realloc, because for large bodies it remaps pages: old and new copy never exist side by side.
void BodyBuffer::grow_to(std::size_t capacity) {
  void* grown = std::realloc(bytes_.get(), capacity + kJsonPadding);
  if (grown == nullptr) throw std::bad_alloc();
  (void)bytes_.release();
  bytes_.reset(static_cast<char*>(grown));
  capacity_ = capacity;
}

}  // namespace sluice::llm
