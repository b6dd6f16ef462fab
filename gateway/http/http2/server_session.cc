#include "gateway/http/http2/server_session.h"

#include <nghttp2/nghttp2.h>

#include <algorithm>
#include <memory>
#include <new>

#include "gateway/http/http2/outgoing_body.h"
#include "gateway/http/http2/server_stream.h"
#include "gateway/http/http2/session_memory.h"

namespace sluice::http2 {
namespace {

// Every callback's last argument.
template <class Connection>
Connection& cast(void* user) noexcept {
  return *static_cast<Connection*>(user);
}

std::string_view text(const std::uint8_t* bytes, std::size_t size) noexcept {
  return {reinterpret_cast<const char*>(bytes), size};
}

struct CallbacksDeleter {
  void operator()(nghttp2_session_callbacks* c) const noexcept { nghttp2_session_callbacks_del(c); }
};
struct OptionDeleter {
  void operator()(nghttp2_option* o) const noexcept { nghttp2_option_del(o); }
};

using OptionPtr = std::unique_ptr<nghttp2_option, OptionDeleter>;

OptionPtr options() {
  nghttp2_option* option = nullptr;
  if (nghttp2_option_new(&option) != 0) throw std::bad_alloc();
  nghttp2_option_set_no_auto_window_update(option, 1);
  nghttp2_option_set_no_closed_streams(option, 1);
  // The connection's own limits come first and say why.
  nghttp2_option_set_max_outbound_ack(option, std::size_t{1} << 20);
  nghttp2_option_set_max_continuations(option, ServerConnection::kMaxContinuations + 1);
  nghttp2_option_set_stream_reset_rate_limit(option, 2 * FloodGuard::kResets,
                                             2 * FloodGuard::kResetsPerSecond);
  return OptionPtr(option);
}

}  // namespace

SessionPtr ServerConnection::Callbacks::make_session(ServerConnection& connection) {
  nghttp2_session_callbacks* raw = nullptr;
  if (nghttp2_session_callbacks_new(&raw) != 0) throw std::bad_alloc();
  const std::unique_ptr<nghttp2_session_callbacks, CallbacksDeleter> callbacks(raw);
  OutgoingBody::install(*raw);
  nghttp2_session_callbacks_set_on_begin_headers_callback(
      raw, [](nghttp2_session*, const nghttp2_frame* frame, void* user) {
        if (frame->headers.cat == NGHTTP2_HCAT_REQUEST)
          cast<ServerConnection>(user).head_begins(frame->hd.stream_id);
        return 0;
      });
  nghttp2_session_callbacks_set_on_header_callback(
      raw, [](nghttp2_session*, const nghttp2_frame* frame, const std::uint8_t* name, std::size_t name_size,
              const std::uint8_t* value, std::size_t value_size, std::uint8_t, void* user) {
        const bool ok = cast<ServerConnection>(user).field(frame->hd.stream_id,
                                                           frame->headers.cat == NGHTTP2_HCAT_REQUEST,
                                                           text(name, name_size), text(value, value_size));
        return ok ? 0 : static_cast<int>(NGHTTP2_ERR_CALLBACK_FAILURE);
      });
  // Without this the session would drop a field that is not well-formed and serve the request.
  nghttp2_session_callbacks_set_on_invalid_header_callback(
      raw,
      [](nghttp2_session*, const nghttp2_frame*, const std::uint8_t*, std::size_t, const std::uint8_t*,
         std::size_t, std::uint8_t, void*) -> int { return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE; });
  nghttp2_session_callbacks_set_on_frame_recv_callback(raw, [](nghttp2_session*, const nghttp2_frame* frame,
                                                               void* user) {
    const bool is_request = frame->hd.type == NGHTTP2_HEADERS && frame->headers.cat == NGHTTP2_HCAT_REQUEST;
    cast<ServerConnection>(user).frame_received(frame->hd.type, frame->hd.flags, frame->hd.stream_id,
                                                is_request);
    return 0;
  });
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(
      raw, [](nghttp2_session*, std::uint8_t, std::int32_t stream_id, const std::uint8_t* data,
              std::size_t size, void* user) {
        cast<ServerConnection>(user).content_received(stream_id, text(data, size));
        return 0;
      });
  nghttp2_session_callbacks_set_on_frame_send_callback(
      raw, [](nghttp2_session*, const nghttp2_frame* frame, void* user) {
        const std::uint32_t code = frame->hd.type == NGHTTP2_RST_STREAM ? frame->rst_stream.error_code
                                   : frame->hd.type == NGHTTP2_GOAWAY   ? frame->goaway.error_code
                                                                        : 0;
        cast<ServerConnection>(user).frame_sent(frame->hd.type, frame->hd.flags, frame->hd.stream_id, code);
        return 0;
      });
  nghttp2_session_callbacks_set_on_frame_not_send_callback(
      raw, [](nghttp2_session*, const nghttp2_frame* frame, int error, void* user) {
        if (frame->hd.type == NGHTTP2_HEADERS && error == NGHTTP2_ERR_FRAME_SIZE_ERROR)
          cast<ServerConnection>(user).head_too_long(frame->hd.stream_id);
        return 0;
      });
  nghttp2_session_callbacks_set_on_stream_close_callback(
      raw, [](nghttp2_session*, std::int32_t stream_id, std::uint32_t code, void* user) {
        cast<ServerConnection>(user).stream_closed(stream_id, code);
        return 0;
      });

  nghttp2_session* session = nullptr;
  if (nghttp2_session_server_new3(&session, raw, &connection, options().get(), session_memory()) != 0)
    throw std::bad_alloc();
  return SessionPtr(session);
}

std::string ServerConnection::Callbacks::greeting(nghttp2_session& session, const ServerLimits& limits) {
  // The session answers a stream over its limit by giving up the connection, where RFC 9113 5.1.2 asks for an
  // error of the stream, and it counts a stream as over before its work has ended. So it is told of no limit,
  // and the number that the client sees is put into the frame afterwards.
  constexpr std::uint32_t kNoLimit = 0x7fffffff;
  const nghttp2_settings_entry settings[] = {
      {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, kNoLimit},
      {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, kStreamWindow},
      {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, static_cast<std::uint32_t>(limits.head.max_head_bytes)},
      // Priorities of RFC 7540 let a client build a tree that costs more than it is worth (9113 5.3.2).
      {NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1}};
  nghttp2_submit_settings(&session, NGHTTP2_FLAG_NONE, settings, std::size(settings));
  nghttp2_session_set_local_window_size(&session, NGHTTP2_FLAG_NONE, 0, kConnectionWindow);

  const std::uint8_t* frame = nullptr;
  const ssize_t size = nghttp2_session_mem_send(&session, &frame);
  std::string out(text(frame, size > 0 ? static_cast<std::size_t>(size) : 0));
  constexpr std::size_t kFirstValue = 9 + 2;  // behind the frame's header and the first entry's identifier
  for (std::size_t i = 0; i < 4 && kFirstValue + i < out.size(); ++i)
    out[kFirstValue + i] = static_cast<char>(limits.max_streams >> (24 - 8 * i));
  return out;
}

ServerConnection::Stream* ServerConnection::find(std::int32_t stream_id) const noexcept {
  return static_cast<Stream*>(nghttp2_session_get_stream_user_data(session_.get(), stream_id));
}

void ServerConnection::head_begins(std::int32_t stream_id) {
  if (state_ != State::kOpen) return;
  // After the last GOAWAY was submitted, and until it leaves, the session would still serve what it disowns.
  if (last_goaway_sent_ || stream_count_ >= limits_.max_streams || heads_bytes_ >= kMaxHeads)
    return refuse(stream_id);
  ++counts_.streams;
  ++stream_count_;
  idle_.disarm();
  auto* stream = new Stream(*this, stream_id);
  streams_.push_back(*stream);
  nghttp2_session_set_stream_user_data(session_.get(), stream_id, stream);
  // Streams take turns. The default would serve the oldest as long as it has something to send.
  const nghttp2_extpri turns{NGHTTP2_EXTPRI_DEFAULT_URGENCY, 1};
  nghttp2_session_change_extpri_stream_priority(session_.get(), stream_id, &turns, 1);
}

void ServerConnection::refuse(std::int32_t stream_id) {
  ++counts_.refused_streams;
  nghttp2_submit_rst_stream(session_.get(), NGHTTP2_FLAG_NONE, stream_id, NGHTTP2_REFUSED_STREAM);
  // Behind the last GOAWAY its frame was charged already, and earned nothing.
  if (!last_goaway_sent_ && !guard_.control_frame(loop_.now(), FloodGuard::kRefusalCost))
    cut(Cut::kControlFlood, ErrorCode::kEnhanceYourCalm);
}

bool ServerConnection::field(std::int32_t stream_id, bool in_request, std::string_view name,
                             std::string_view value) {
  Stream* stream = find(stream_id);
  if (stream == nullptr) return true;
  if (!in_request) {
    if (!stream->body().trailer(name, value)) reset_for_mistake(*stream);
    return true;
  }
  RequestFields* fields = stream->fields();
  if (fields == nullptr) return true;
  const std::size_t before = fields->charged();
  fields->add(name, value);
  const std::size_t limit = limits_.head.max_head_bytes;
  const std::size_t kept = std::min(fields->charged(), limit) - std::min(before, limit);
  stream->charge_head(kept);
  heads_bytes_ += kept;
  // A few bytes that stand for many (RFC 7541 7.3): decoding is given up when it is clear that it is one.
  if (fields->charged() <= 4 * limit) return true;
  cut(Cut::kHeadFlood, ErrorCode::kEnhanceYourCalm);
  return false;
}

void ServerConnection::frame_received(std::uint8_t type, std::uint8_t flags, std::int32_t stream_id,
                                      bool is_request) {
  if (type == NGHTTP2_SETTINGS) greeted_ = true;
  if (type == NGHTTP2_PING && (flags & NGHTTP2_FLAG_ACK) != 0 && draining_) last_goaway();
  Stream* stream = stream_id != 0 ? find(stream_id) : nullptr;
  if (stream == nullptr) return;
  if (type == NGHTTP2_RST_STREAM) {
    stream->client_ended();
    ++counts_.client_resets;
    count_reset();
    return;
  }
  if (type != NGHTTP2_HEADERS && type != NGHTTP2_DATA) return;
  if ((flags & NGHTTP2_FLAG_END_STREAM) != 0) {
    stream->client_ended();
    stream->body().ended();
  }
  if (!is_request) return;
  if (stream->complete_head()) {
    starting_.push_back(*stream);
  } else {
    reset_for_mistake(*stream);
  }
}

// The connection's window covers what is under way and holds back nobody: what waits is bounded by the
// windows of the streams, so that a stream that is not read stops no other.
void ServerConnection::content_received(std::int32_t stream_id, std::string_view bytes) {
  if (std::exchange(padding_hides_use_, false)) guard_.useful_frame();
  nghttp2_session_consume_connection(session_.get(), bytes.size());
  if (Stream* stream = find(stream_id)) stream->body().arrived(bytes);
}

// Trailers: the answer can neither go on nor end.
void ServerConnection::head_too_long(std::int32_t stream_id) {
  if (Stream* stream = find(stream_id)) stream->reset(ErrorCode::kInternalError);
}

void ServerConnection::frame_sent(std::uint8_t type, std::uint8_t flags, std::int32_t stream_id,
                                  std::uint32_t code) {
  if (state_ == State::kCut && type != NGHTTP2_GOAWAY) return;  // nothing was sent: see drop_unsent()
  switch (type) {
    case NGHTTP2_GOAWAY:
      // Of the session's own accord, or cut() has counted its reason.
      if (code != NGHTTP2_NO_ERROR) count_cut(Cut::kProtocolError);
      return;
    case NGHTTP2_RST_STREAM:
      if (Stream* stream = find(stream_id)) stream->reset_sent();
      // Those that a client provokes cost as much as its own. refuse() has charged its own.
      if (code != NGHTTP2_NO_ERROR && code != NGHTTP2_INTERNAL_ERROR && code != NGHTTP2_CANCEL &&
          code != NGHTTP2_REFUSED_STREAM) {
        ++counts_.error_resets;
        count_reset();
      }
      return;
    case NGHTTP2_DATA:
      guard_.useful_frame();
      break;
    case NGHTTP2_HEADERS:
      // Trailers: their empty DATA frame is never sent.
      if (Stream* stream = find(stream_id); stream != nullptr && (flags & NGHTTP2_FLAG_END_STREAM) != 0)
        stream->end_stall();
      break;
    default:
      return;
  }
  // RFC 9113 8.1: after a whole answer the rest of the request is not wanted.
  if ((flags & NGHTTP2_FLAG_END_STREAM) != 0 &&
      nghttp2_session_get_stream_remote_close(session_.get(), stream_id) == 0) {
    nghttp2_submit_rst_stream(session_.get(), NGHTTP2_FLAG_NONE, stream_id, NGHTTP2_NO_ERROR);
    if (Stream* stream = find(stream_id)) stream->reset_sent();
  }
}

void ServerConnection::stream_closed(std::int32_t stream_id, std::uint32_t) {
  Stream* stream = find(stream_id);
  closed_streams_.add(stream_id, stream != nullptr ? stream->how_closed() : ClosedStreams::How::kByUs);
  if (stream == nullptr) return;
  nghttp2_session_set_stream_user_data(session_.get(), stream_id, nullptr);
  stream->close();
  closed_.push_back(*stream);
}

void ServerConnection::reset_for_mistake(Stream& stream) {
  stream.reset(ErrorCode::kProtocolError);
}

void ServerConnection::count_reset() {
  if (!guard_.reset(loop_.now())) cut(Cut::kResetFlood, ErrorCode::kEnhanceYourCalm);
}

}  // namespace sluice::http2
