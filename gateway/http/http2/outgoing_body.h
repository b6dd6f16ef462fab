#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "gateway/http/headers.h"
#include "gateway/runtime/pooled_allocator.h"

struct nghttp2_session;
struct nghttp2_session_callbacks;

namespace sluice::http2 {

class FrameSender;

// The bytes of one message's body on their way into DATA frames, and the trailers behind them. Small pieces
// are copied into a buffer of at most kBufferBytes, so that many of them make one frame and their writer need
// not wait; a piece that does not fit is lent until the frames have taken it. What the peer's windows do not
// admit stays here.
//
// Threads: the session's loop. Must outlive the session's stream, or be abandoned.
class OutgoingBody {
 public:
  static constexpr std::size_t kBufferBytes = 2 * 1024;

  // Told while the session sends: frames took bytes.
  class Listener {
   public:
    virtual void on_body_taken() = 0;

   protected:
    ~Listener() = default;
  };

  OutgoingBody(nghttp2_session& session, FrameSender& sender, Listener& listener) noexcept
      : session_(session), sender_(sender), listener_(listener) {}
  OutgoingBody(const OutgoingBody&) = delete;
  OutgoingBody& operator=(const OutgoingBody&) = delete;

  // The session's callbacks that every body needs; before the session is made.
  static void install(nghttp2_session_callbacks& callbacks) noexcept;

  void attach(std::int32_t stream_id) noexcept { stream_id_ = stream_id; }

  // Takes the bytes and returns true, or borrows them until lent() is false again or abandon().
  bool write(std::string_view bytes);
  bool lent() const noexcept { return !borrowed_.empty(); }
  // Nothing follows what was written; `trailers` may be null.
  void end(const Headers* trailers);
  // Nothing more is sent, borrowed bytes are not looked at again.
  void abandon() noexcept;

  bool empty() const noexcept { return begin_ == buffer_.size() && borrowed_.empty(); }
  std::size_t size() const noexcept { return buffer_.size() - begin_ + borrowed_.size(); }
  // Of the buffer, in bytes: at most twice kBufferBytes, however slowly the peer takes what is in it.
  std::size_t memory() const noexcept { return buffer_.capacity(); }
  // Bytes, or the end that was announced, have yet to be taken by frames: a shut window holds back both.
  bool pending() const noexcept { return !abandoned_ && (!empty() || (ended_ && !end_packed_)); }

  // The session's data source: reserves up to `wanted` bytes for one frame, then moves them.
  std::ptrdiff_t pack(std::size_t wanted, std::uint32_t& flags);
  void move(std::string_view frame_header, std::size_t bytes);

 private:
  void resume();

  nghttp2_session& session_;
  FrameSender& sender_;
  Listener& listener_;
  std::int32_t stream_id_ = 0;
  PooledString buffer_;
  std::size_t begin_ = 0;
  std::string_view borrowed_;  // behind the buffer's bytes
  std::unique_ptr<Headers> trailers_;
  bool ended_ = false;
  bool end_packed_ = false;
  bool deferred_ = false;  // the session does not ask until resumed
  bool abandoned_ = false;
};

}  // namespace sluice::http2
