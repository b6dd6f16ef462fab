#include "gateway/http/http2/client_callbacks.h"

#include <nghttp2/nghttp2.h>

#include <memory>
#include <new>
#include <string_view>

#include "gateway/http/http2/outgoing_body.h"
#include "gateway/http/http2/request_stream.h"
#include "gateway/http/http2/session_memory.h"

namespace sluice::http2 {
namespace {

struct CallbacksDeleter {
  void operator()(nghttp2_session_callbacks* callbacks) const noexcept {
    nghttp2_session_callbacks_del(callbacks);
  }
};
struct OptionDeleter {
  void operator()(nghttp2_option* option) const noexcept { nghttp2_option_del(option); }
};

void check(int outcome) {
  if (outcome != 0) throw std::bad_alloc();
}

std::string_view view(const std::uint8_t* bytes, std::size_t size) noexcept {
  return {reinterpret_cast<const char*>(bytes), size};
}

// Null for a stream that nobody waits for any more.
RequestStream* stream_of(nghttp2_session* session, std::int32_t id) noexcept {
  return static_cast<RequestStream*>(nghttp2_session_get_stream_user_data(session, id));
}

}  // namespace

SessionPtr ClientConnection::Callbacks::make_session(ClientConnection& connection) {
  nghttp2_session_callbacks* raw_callbacks = nullptr;
  check(nghttp2_session_callbacks_new(&raw_callbacks));
  const std::unique_ptr<nghttp2_session_callbacks, CallbacksDeleter> callbacks(raw_callbacks);
  nghttp2_session_callbacks_set_on_begin_frame_callback(
      raw_callbacks, [](nghttp2_session* session, const nghttp2_frame_hd* frame, void* self) {
        const RequestStream* stream = stream_of(session, frame->stream_id);
        static_cast<ClientConnection*>(self)->frame_begins(frame->type, frame->flags, frame->length,
                                                           stream != nullptr && stream->expects_more());
        return 0;
      });
  nghttp2_session_callbacks_set_on_begin_headers_callback(
      raw_callbacks, [](nghttp2_session* session, const nghttp2_frame* frame, void*) {
        if (RequestStream* stream = stream_of(session, frame->hd.stream_id)) stream->head_begins();
        return 0;
      });
  nghttp2_session_callbacks_set_on_header_callback(
      raw_callbacks,
      [](nghttp2_session* session, const nghttp2_frame* frame, const std::uint8_t* name,
         std::size_t name_size, const std::uint8_t* value, std::size_t value_size, std::uint8_t,
         void*) -> int {
        RequestStream* stream = stream_of(session, frame->hd.stream_id);
        if (stream == nullptr || stream->field(view(name, name_size), view(value, value_size))) return 0;
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
      });
  // Without this the session leaves invalid fields out silently.
  nghttp2_session_callbacks_set_on_invalid_header_callback(
      raw_callbacks,
      [](nghttp2_session* session, const nghttp2_frame* frame, const std::uint8_t*, std::size_t,
         const std::uint8_t*, std::size_t, std::uint8_t, void*) -> int {
        if (RequestStream* stream = stream_of(session, frame->hd.stream_id))
          stream->malformed("a field of the answer is invalid");
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
      });
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(
      raw_callbacks,
      [](nghttp2_session* session, std::uint8_t, std::int32_t id, const std::uint8_t* bytes, std::size_t size,
         void* self) -> int {
        (void)nghttp2_session_consume_connection(session, size);
        static_cast<ClientConnection*>(self)->content_received();
        if (RequestStream* stream = stream_of(session, id)) stream->content(view(bytes, size));
        return 0;
      });
  nghttp2_session_callbacks_set_on_frame_recv_callback(
      raw_callbacks, [](nghttp2_session* session, const nghttp2_frame* frame, void* self) -> int {
        auto& client = *static_cast<ClientConnection*>(self);
        const auto type = frame->hd.type;
        if (type == NGHTTP2_GOAWAY) client.goaway_received();
        if (type == NGHTTP2_SETTINGS && (frame->hd.flags & NGHTTP2_FLAG_ACK) == 0) client.settings_received();
        RequestStream* stream = stream_of(session, frame->hd.stream_id);
        if (stream == nullptr) return 0;
        if (type == NGHTTP2_RST_STREAM) stream->reset_received();
        if (type == NGHTTP2_HEADERS) stream->head_ends();
        if ((type == NGHTTP2_HEADERS || type == NGHTTP2_DATA) &&
            (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0)
          stream->ends();
        return 0;
      });
  nghttp2_session_callbacks_set_on_frame_send_callback(
      raw_callbacks, [](nghttp2_session*, const nghttp2_frame* frame, void* self) -> int {
        const bool goaway = frame->hd.type == NGHTTP2_GOAWAY;
        static_cast<ClientConnection*>(self)->frame_sent(frame->hd.type,
                                                         goaway ? frame->goaway.error_code : 0);
        return 0;
      });
  nghttp2_session_callbacks_set_on_stream_close_callback(
      raw_callbacks, [](nghttp2_session* session, std::int32_t id, std::uint32_t code, void*) -> int {
        if (RequestStream* stream = stream_of(session, id)) stream->closed(ErrorCode{code});
        return 0;
      });
  OutgoingBody::install(*raw_callbacks);

  nghttp2_option* raw_option = nullptr;
  check(nghttp2_option_new(&raw_option));
  const std::unique_ptr<nghttp2_option, OptionDeleter> option(raw_option);
  nghttp2_option_set_no_auto_window_update(raw_option, 1);
  nghttp2_option_set_no_closed_streams(raw_option, 1);
  nghttp2_session* session = nullptr;
  check(nghttp2_session_client_new3(&session, raw_callbacks, &connection, raw_option, session_memory()));
  return SessionPtr(session);
}

}  // namespace sluice::http2
