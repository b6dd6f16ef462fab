#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace sluice::http2 {

// Follows the frames in what a peer sends, as far as to know whether a header block is under way: the session
// tells of a head when it is complete, and a client that never completes one must not wait for ever.
class FrameTracker {
 public:
  void feed(std::string_view bytes) noexcept;

  // A HEADERS or CONTINUATION frame has begun whose block is not complete, or a frame's own header has.
  bool inside_head() const noexcept { return block_open_ || header_size_ != 0; }
  // Counts header blocks, to tell one from the next.
  std::uint64_t blocks() const noexcept { return blocks_; }

 private:
  void begin_frame() noexcept;

  unsigned char header_[9] = {};
  std::size_t header_size_ = 0;  // bytes of the next frame's header so far
  std::size_t payload_ = 0;      // bytes of the frame under way that are still to come
  bool ends_block_ = false;      // the frame under way is the last of a header block
  bool block_open_ = false;
  std::uint64_t blocks_ = 0;
};

}  // namespace sluice::http2
