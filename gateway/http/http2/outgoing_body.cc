#include "gateway/http/http2/outgoing_body.h"

#include <nghttp2/nghttp2.h>

#include <algorithm>
#include <utility>

#include "gateway/base/free_memory.h"
#include "gateway/http/http2/frame_sender.h"
#include "gateway/http/http2/message_heads.h"

namespace sluice::http2 {
namespace {

int send_data(nghttp2_session*, nghttp2_frame*, const std::uint8_t* frame_header, std::size_t length,
              nghttp2_data_source* source, void*) {
  constexpr std::size_t kFrameHeaderBytes = 9;
  static_cast<OutgoingBody*>(source->ptr)
      ->move({reinterpret_cast<const char*>(frame_header), kFrameHeaderBytes}, length);
  return 0;
}

}  // namespace

void OutgoingBody::install(nghttp2_session_callbacks& callbacks) noexcept {
  nghttp2_session_callbacks_set_send_data_callback(&callbacks, send_data);
}

bool OutgoingBody::write(std::string_view bytes) {
  if (abandoned_) return true;
  sender_.content_added(bytes.size());
  const bool fits = size() + bytes.size() <= kBufferBytes;
  if (fits) {
    // What was sent is dropped each time: a client that always leaves one byte unread must not make it grow.
    buffer_.erase(0, std::exchange(begin_, 0));
    buffer_.append(bytes);
  } else {
    borrowed_ = bytes;
  }
  resume();
  return fits;
}

void OutgoingBody::end(const Headers* trailers) {
  if (trailers != nullptr && !trailers->empty()) trailers_ = std::make_unique<Headers>(*trailers);
  ended_ = true;
  resume();
}

void OutgoingBody::abandon() noexcept {
  abandoned_ = true;
  sender_.content_gone(size());
  borrowed_ = {};
  free_memory(buffer_);
  begin_ = 0;
  trailers_.reset();
}

void OutgoingBody::resume() {
  if (std::exchange(deferred_, false)) nghttp2_session_resume_data(&session_, stream_id_);
  sender_.schedule();
}

std::ptrdiff_t OutgoingBody::pack(std::size_t wanted, std::uint32_t& flags) {
  if (abandoned_ || (empty() && !ended_)) {
    deferred_ = true;
    return NGHTTP2_ERR_DEFERRED;
  }
  const std::size_t available = std::min(wanted, size());
  const std::size_t length = sender_.room_for_data(available);
  if (length == 0 && (available != 0 || sender_.room_for_data(1) == 0)) return NGHTTP2_ERR_PAUSE;
  flags |= NGHTTP2_DATA_FLAG_NO_COPY;
  if (ended_ && length == size()) {
    flags |= NGHTTP2_DATA_FLAG_EOF;
    end_packed_ = true;
    if (trailers_ != nullptr) {
      flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
      if (!submit_trailers(session_, stream_id_, *trailers_)) return NGHTTP2_ERR_CALLBACK_FAILURE;
      trailers_.reset();
    }
  }
  return static_cast<std::ptrdiff_t>(length);
}

void OutgoingBody::move(std::string_view frame_header, std::size_t bytes) {
  sender_.append(frame_header);
  const std::size_t of_buffer = std::min(bytes, buffer_.size() - begin_);
  sender_.append(std::string_view(buffer_).substr(begin_, of_buffer));
  begin_ += of_buffer;
  sender_.append(borrowed_.substr(0, bytes - of_buffer));
  borrowed_.remove_prefix(bytes - of_buffer);
  sender_.content_gone(bytes);
  listener_.on_body_taken();
}

}  // namespace sluice::http2
