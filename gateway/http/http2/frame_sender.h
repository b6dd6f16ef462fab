#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "gateway/net/transport.h"
#include "gateway/runtime/buffer_pool.h"
#include "gateway/runtime/loop.h"
#include "gateway/runtime/signal.h"

struct nghttp2_session;

namespace sluice::http2 {

// Puts a session's frames on the wire: whoever gave the session something to send calls schedule(), and at
// the end of the loop turn the frames of all streams leave in one gathered write of about a large block.
// What the socket does not take waits for room, and the session's frames behind it. A connection with nothing
// unsent holds no block.
//
// Threads: the transport's loop. Transport, session and owner outlive it.
class FrameSender final : private ReadyListener {
 public:
  class Owner {
   public:
    // Frames left, or nothing could: the session's callbacks have run, the streams' windows are as they are.
    virtual void on_flushed() = 0;
    // Nothing can follow: the peer is gone, or (`stalled`) took no byte for as long as is allowed.
    virtual void on_send_failed(bool stalled) = 0;

   protected:
    ~Owner() = default;
  };

  // `stall_limit`: how long the socket may take no byte.
  FrameSender(Transport& transport, nghttp2_session& session, Duration stall_limit, Owner& owner) noexcept;
  FrameSender(const FrameSender&) = delete;
  FrameSender& operator=(const FrameSender&) = delete;
  ~FrameSender();

  void schedule() { loop_.at_turn_end(turn_end_); }
  // Takes what the session has to send at this moment; it leaves at the turn's end.
  void collect();
  // Bytes that leave in front of the session's frames.
  void put(std::string_view bytes);
  // Sends now what there is, instead of at the turn's end.
  void flush();
  // Sends nothing from now on; what is unsent is dropped.
  void stop() noexcept;

  // The socket takes nothing at the moment.
  bool blocked() const noexcept { return blocked_; }
  // Everything was given to the socket, the session's frames included.
  bool done() const noexcept;
  // Notified when done() may have become true.
  Signal& progress() noexcept { return progress_; }

  // For a data source while the session packs a frame of it: how many bytes the write still takes, the
  // frame's own header apart; 0 asks it to wait for the next write.
  std::size_t room_for_data(std::size_t wanted) const noexcept;
  void append(std::string_view bytes);

  // Of message bodies, in bytes: written and not yet taken by frames. Kept by the bodies themselves.
  std::size_t unsent_content() const noexcept { return unsent_content_; }
  void content_added(std::size_t bytes) noexcept { unsent_content_ += bytes; }
  void content_gone(std::size_t bytes) noexcept { unsent_content_ -= bytes; }

 private:
  void on_ready() override;
  void fill();
  void write();
  std::size_t room() const noexcept { return block_.size() - end_; }
  std::size_t unsent() const noexcept { return end_ - begin_ + overflow_.size() - overflow_begin_; }
  void sent(std::size_t bytes) noexcept;
  void fail(bool stalled);

  Transport& transport_;
  Loop& loop_;
  nghttp2_session& session_;
  Duration stall_limit_;
  Owner& owner_;
  TurnEnd turn_end_;
  Timer stall_;
  Signal progress_;
  BufferPool::Block block_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  std::string overflow_;  // of the frame that did not fit into the block
  std::size_t overflow_begin_ = 0;
  std::size_t unsent_content_ = 0;
  bool blocked_ = false;
  bool more_ = false;  // the session had more than one write takes
  bool stopped_ = false;
};

}  // namespace sluice::http2
