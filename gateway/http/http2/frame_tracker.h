#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "gateway/http/http2/session.h"

namespace sluice::http2 {

// What precedes the payload of a frame (RFC 9113 4.1).
struct FrameHeader {
  std::uint32_t length = 0;
  std::uint8_t type = 0;
  std::uint8_t flags = 0;
  std::int32_t stream_id = 0;
};

// Cuts what a client sends into frames, so that each is judged before the session acts on it: the session
// tells nothing of frames that it ignores, and of a head only when it is complete.
class FrameTracker {
 public:
  struct Step {
    std::size_t size = 0;  // bytes taken: of one frame at most, or of the preface
    bool begins = false;   // frame() has become known with them
    bool ends = false;     // they are the frame's last
  };
  // `bytes` is not empty.
  Step next(std::string_view bytes) noexcept;

  // The frame under way, or the last one.
  const FrameHeader& frame() const noexcept { return frame_; }
  // At the end of a PRIORITY frame: the stream on which it makes its own depend.
  std::int32_t dependency() const noexcept { return dependency_; }

  // A header block is not complete, or a frame's own header is not.
  bool inside_head() const noexcept { return block_open_ || header_size_ != 0; }
  // Counts header blocks, to tell one from the next.
  std::uint64_t blocks() const noexcept { return blocks_; }

 private:
  void begin_frame() noexcept;
  std::size_t take_payload(std::string_view bytes) noexcept;

  unsigned char header_[9] = {};
  std::size_t header_size_ = 0;         // bytes of the next frame's header so far
  std::size_t left_ = kPreface.size();  // bytes of the frame or the preface that are still to come
  FrameHeader frame_;
  std::int32_t dependency_ = 0;
  bool in_preface_ = true;
  bool block_open_ = false;
  std::uint64_t blocks_ = 0;
};

}  // namespace sluice::http2
