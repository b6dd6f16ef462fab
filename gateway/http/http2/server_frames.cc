#include <nghttp2/nghttp2.h>

#include "gateway/http/http2/server_connection.h"

// What a client's frames cost and whether they may come now. The session is lenient in both.
namespace sluice::http2 {

bool ServerConnection::frame_begins(const FrameHeader& frame) {
  const bool is_head = frame.type == NGHTTP2_HEADERS;
  if ((is_head || frame.type == NGHTTP2_CONTINUATION) && !charge_block(frame)) return false;
  if (frame.type == NGHTTP2_CONTINUATION) return true;
  if (is_head || frame.type == NGHTTP2_DATA) {
    const Fate fate = fate_of(frame);
    if (fate == Fate::kCut) return false;
    if (fate == Fate::kMessage) {
      // Whether there is content behind padding is seen later.
      const bool padded = !is_head && (frame.flags & NGHTTP2_FLAG_PADDED) != 0;
      const bool useful = is_head || (frame.length != 0 && !padded);
      padding_hides_use_ = padded;
      if (useful) guard_.useful_frame();
      if (useful || (frame.flags & NGHTTP2_FLAG_END_STREAM) != 0) return true;
    }
  }
  if (guard_.control_frame(loop_.now(), frame.type == NGHTTP2_SETTINGS ? FloodGuard::kSettingsCost : 1))
    return true;
  cut(Cut::kControlFlood, ErrorCode::kEnhanceYourCalm);
  return false;
}

bool ServerConnection::charge_block(const FrameHeader& frame) {
  if (frame.type == NGHTTP2_HEADERS) {
    continuations_ = 0;
    block_bytes_ = 0;
  } else {
    ++continuations_;
  }
  block_bytes_ += frame.length;
  // What is somewhat too long is answered with 431, for which it must be decoded to its end.
  if (continuations_ <= kMaxContinuations && block_bytes_ <= 2 * limits_.head.max_head_bytes) return true;
  cut(Cut::kHeadFlood, ErrorCode::kEnhanceYourCalm);
  return false;
}

// The session forgets streams that are closed, and ignores what comes for them: right where the gateway
// closed one, but a client that closed it itself has made a mistake (RFC 9113 5.1), and so has one whose
// identifiers do not grow (5.1.1).
ServerConnection::Fate ServerConnection::fate_of(const FrameHeader& frame) {
  const std::int32_t id = frame.stream_id;
  const bool is_clients = id % 2 == 1;
  if (!is_clients || nghttp2_session_find_stream(session_.get(), id) != nullptr) return Fate::kMessage;
  if (last_goaway_sent_) return Fate::kIgnored;
  if (id > last_stream_id_) {
    if (frame.type == NGHTTP2_HEADERS) last_stream_id_ = id;
    return Fate::kMessage;
  }
  const ClosedStreams::How how = closed_streams_.find(id);
  if (how == ClosedStreams::How::kByClient) {
    cut(Cut::kProtocolError, ErrorCode::kStreamClosed);
    return Fate::kCut;
  }
  if (how == ClosedStreams::How::kByUs || frame.type == NGHTTP2_DATA) return Fate::kIgnored;
  cut(Cut::kProtocolError, ErrorCode::kProtocolError);
  return Fate::kCut;
}

// Priorities are turned off, and with them the session's checks of the frames (RFC 7540 5.3.1, RFC 9113 6.3).
void ServerConnection::frame_ends(const FrameHeader& frame) {
  if (frame.type != NGHTTP2_PRIORITY) return;
  if (frame.stream_id == 0 || frame.stream_id == tracker_.dependency())
    cut(Cut::kProtocolError, ErrorCode::kProtocolError);
}

}  // namespace sluice::http2
