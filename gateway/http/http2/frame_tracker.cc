#include "gateway/http/http2/frame_tracker.h"

#include <algorithm>
#include <cstring>

namespace sluice::http2 {
namespace {

constexpr unsigned char kHeaders = 0x1;
constexpr unsigned char kContinuation = 0x9;
constexpr unsigned char kEndHeaders = 0x4;

}  // namespace

void FrameTracker::feed(std::string_view bytes) noexcept {
  while (!bytes.empty()) {
    if (payload_ != 0) {
      const std::size_t n = std::min(payload_, bytes.size());
      payload_ -= n;
      bytes.remove_prefix(n);
    } else {
      const std::size_t n = std::min(sizeof header_ - header_size_, bytes.size());
      std::memcpy(header_ + header_size_, bytes.data(), n);
      header_size_ += n;
      bytes.remove_prefix(n);
      if (header_size_ < sizeof header_) return;
      begin_frame();
    }
    if (payload_ == 0 && ends_block_) block_open_ = ends_block_ = false;
  }
}

void FrameTracker::begin_frame() noexcept {
  header_size_ = 0;
  payload_ =
      static_cast<std::size_t>(header_[0]) << 16 | static_cast<std::size_t>(header_[1]) << 8 | header_[2];
  const unsigned char type = header_[3];
  if (type == kHeaders && !block_open_) ++blocks_;
  if (type == kHeaders || type == kContinuation) {
    block_open_ = true;
    ends_block_ = (header_[4] & kEndHeaders) != 0;
  }
}

}  // namespace sluice::http2
