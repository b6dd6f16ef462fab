#include "gateway/http/http2/frame_tracker.h"

#include <nghttp2/nghttp2.h>

#include <algorithm>
#include <cstring>
#include <utility>

namespace sluice::http2 {
namespace {

std::uint32_t big_endian(const unsigned char* bytes, std::size_t size) noexcept {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < size; ++i)
    value = value << 8 | bytes[i];
  return value;
}

// Without the bit that is reserved.
std::int32_t stream_id(std::uint32_t value) noexcept {
  return static_cast<std::int32_t>(value & 0x7fffffff);
}

}  // namespace

FrameTracker::Step FrameTracker::next(std::string_view bytes) noexcept {
  Step step;
  if (left_ == 0) {
    step.size = std::min(sizeof header_ - header_size_, bytes.size());
    std::memcpy(header_ + header_size_, bytes.data(), step.size);
    header_size_ += step.size;
    if (header_size_ < sizeof header_) return step;
    begin_frame();
    step.begins = true;
  }
  step.size += take_payload(bytes.substr(step.size));
  if (left_ != 0) return step;
  step.ends = !std::exchange(in_preface_, false);
  const bool is_block = frame_.type == NGHTTP2_HEADERS || frame_.type == NGHTTP2_CONTINUATION;
  if (step.ends && is_block && (frame_.flags & NGHTTP2_FLAG_END_HEADERS) != 0) block_open_ = false;
  return step;
}

void FrameTracker::begin_frame() noexcept {
  header_size_ = 0;
  frame_ = {big_endian(header_, 3), header_[3], header_[4], stream_id(big_endian(header_ + 5, 4))};
  left_ = frame_.length;
  dependency_ = 0;
  if (frame_.type == NGHTTP2_HEADERS && !block_open_) ++blocks_;
  if (frame_.type == NGHTTP2_HEADERS || frame_.type == NGHTTP2_CONTINUATION) block_open_ = true;
}

std::size_t FrameTracker::take_payload(std::string_view bytes) noexcept {
  const std::size_t size = std::min(left_, bytes.size());
  if (frame_.type == NGHTTP2_PRIORITY) {
    constexpr std::size_t kDependencyBytes = 4;
    for (std::size_t i = 0, at = frame_.length - left_; i < size && at < kDependencyBytes; ++i, ++at)
      dependency_ =
          stream_id(static_cast<std::uint32_t>(dependency_) << 8 | static_cast<unsigned char>(bytes[i]));
  }
  left_ -= size;
  return size;
}

}  // namespace sluice::http2
