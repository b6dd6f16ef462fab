#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "gateway/http/downstream_connection.h"
#include "gateway/http/http2/closed_streams.h"
#include "gateway/http/http2/flood_guard.h"
#include "gateway/http/http2/frame_sender.h"
#include "gateway/http/http2/frame_tracker.h"
#include "gateway/http/http2/server_counts.h"
#include "gateway/http/http2/session.h"
#include "gateway/http/received_bytes.h"
#include "gateway/http/server_limits.h"
#include "gateway/http/stream.h"
#include "gateway/net/transport.h"
#include "gateway/runtime/signal.h"
#include "gateway/runtime/task_group.h"

namespace sluice::http2 {

// Serves the requests of one HTTP/2 connection (RFC 9113), each as a task of its own. A stream that its
// client resets, and every stream of a client that leaves, has its task destroyed in the same loop turn,
// whatever it waited for. What the streams send leaves in one write at the end of a turn.
//
// The session (nghttp2) knows frames, HPACK, states of streams and windows. What it leaves to its user is
// here: which streams are let in, what a client may cost, what a request must look like, and when it ends.
//
// Threads: the transport's loop. Destroying it cuts the connection and cancels what its streams began; the
// task of run() alone, which only waits for the end, does neither.
class ServerConnection final : public DownstreamConnection,
                               private ReadyListener,
                               private HangupListener,
                               private FrameSender::Owner {
 public:
  // What a client may send ahead of its reader: on one stream, and on all of them together.
  static constexpr std::uint32_t kStreamWindow = 64 * 1024;
  static constexpr std::int32_t kConnectionWindow = 512 * 1024;
  // Heads of streams that are open, as they were charged. A stream beyond is refused.
  static constexpr std::size_t kMaxHeads = 512 * 1024;
  // Frames of one header block. At 16 KiB each the largest allowed head needs five.
  static constexpr std::uint32_t kMaxContinuations = 16;
  // Answers of the session itself (acknowledgements, resets) that wait for a client that does not read.
  static constexpr std::size_t kMaxQueuedAnswers = 256;

  // `received`: what was read of the connection already. Limits, counts and handler outlive it.
  ServerConnection(std::unique_ptr<Transport> transport, const ServerLimits& limits, ServerCounts& counts,
                   StreamHandler& handler, ReceivedBytes received = {});
  ~ServerConnection() override;

  Task<void> run() override;
  // RFC 9113 6.8: says first that no stream should be opened any more, and only when the client has answered
  // which was the last that is served. Those under way get their answers.
  void drain() override;
  void end_idle() override;

  // Streams that are not over, their work included.
  std::size_t streams() const noexcept { return stream_count_; }

 private:
  class Stream;
  class Body;
  class Writer;
  struct Callbacks;
  struct Starting;
  struct Closed;
  struct Unsent;
  struct Stalled;

  enum class State : std::uint8_t {
    kOpen,
    kEnding,  // nothing is read but to see the client go; what is queued may still leave
    kCut,     // at once
  };

  void receive(std::string_view bytes);
  void give_to_session(std::string_view bytes);
  bool too_many_answers() const noexcept;
  // Judges a frame by its header, before the session sees it. False: the connection is being cut.
  bool frame_begins(const FrameHeader& frame);
  bool charge_block(const FrameHeader& frame);
  enum class Fate : std::uint8_t {
    kMessage,  // the session's to handle
    kIgnored,  // for a stream that is gone: it asks for nothing
    kCut,
  };
  Fate fate_of(const FrameHeader& frame);
  // The session has seen all of it.
  void frame_ends(const FrameHeader& frame);
  void watch_head();
  void start_streams();
  void settle_closed();
  Task<void> serve(Stream& stream);
  void remove(Stream& stream) noexcept;
  Task<void> linger();

  // Ends the connection with GOAWAY and that code; from inside the session's callbacks too.
  void cut(Cut reason, ErrorCode code);
  // The first reason is the one that counts.
  void count_cut(Cut reason) noexcept;
  void end(State state) noexcept;
  void drop_unsent() noexcept;
  std::size_t admitted_unsent() noexcept;
  void end_if_done() noexcept;
  void last_goaway();
  void count_reset();
  void refuse(std::int32_t stream_id);
  void reset_for_mistake(Stream& stream);

  // What the session tells.
  void head_begins(std::int32_t stream_id);
  // False: the connection is being cut.
  bool field(std::int32_t stream_id, bool in_request, std::string_view name, std::string_view value);
  void frame_received(std::uint8_t type, std::uint8_t flags, std::int32_t stream_id, bool is_request);
  void content_received(std::int32_t stream_id, std::string_view bytes);
  void frame_sent(std::uint8_t type, std::uint8_t flags, std::int32_t stream_id, std::uint32_t code);
  void head_too_long(std::int32_t stream_id);
  void stream_closed(std::int32_t stream_id, std::uint32_t code);
  Stream* find(std::int32_t stream_id) const noexcept;

  void on_ready() override;
  void on_hangup() override;
  void on_flushed() override;
  void on_send_failed(bool stalled) override;

  std::unique_ptr<Transport> transport_;
  Loop& loop_;
  const ServerLimits& limits_;
  ServerCounts& counts_;
  StreamHandler& handler_;
  ReceivedBytes first_bytes_;
  SessionPtr session_;
  FrameSender sender_;
  FrameTracker tracker_;
  FloodGuard guard_;
  ClosedStreams closed_streams_;
  Timer idle_;
  Timer head_;
  Signal ended_;
  State state_ = State::kOpen;
  bool greeted_ = false;  // the client's SETTINGS are here
  bool draining_ = false;
  bool last_goaway_sent_ = false;
  bool cut_counted_ = false;
  bool reset_ = false;  // the connection ends so, which frees what the kernel holds for it
  std::uint64_t watched_block_ = 0;
  std::int32_t last_stream_id_ = 0;
  std::uint32_t continuations_ = 0;
  bool padding_hides_use_ = false;  // of the DATA frame under way: its content earns what its head did not
  std::size_t block_bytes_ = 0;     // of the header block under way, as sent
  std::size_t heads_bytes_ = 0;     // of the streams that are open
  std::size_t stream_count_ = 0;
  IntrusiveList<Stream, ServerConnection> streams_;  // owned: each is deleted when it is over
  IntrusiveList<Stream, Starting> starting_;
  IntrusiveList<Stream, Closed> closed_;
  IntrusiveList<Stream, Unsent> unsent_;
  IntrusiveList<Stream, Stalled> stalled_;
  TaskGroup tasks_;
};

}  // namespace sluice::http2
