#include "tests/gateway/http/http2/backend_session.h"

#include <algorithm>
#include <cstring>

namespace sluice::http2::test {
namespace {

std::vector<nghttp2_nv> nvs(const BackendSession::Fields& fields) {
  std::vector<nghttp2_nv> out;
  for (const auto& [name, value] : fields) {
    out.push_back({reinterpret_cast<std::uint8_t*>(const_cast<char*>(name.data())),
                   reinterpret_cast<std::uint8_t*>(const_cast<char*>(value.data())), name.size(),
                   value.size(), NGHTTP2_NV_FLAG_NONE});
  }
  return out;
}

BackendSession& self_of(void* self) {
  return *static_cast<BackendSession*>(self);
}

std::string text(const std::uint8_t* bytes, std::size_t size) {
  return {reinterpret_cast<const char*>(bytes), size};
}

}  // namespace

BackendSession::BackendSession(std::unique_ptr<MemoryTransport> far, std::uint32_t max_streams,
                               std::uint32_t window, bool reads_bodies)
    : wire(std::move(far)) {
  nghttp2_session_callbacks* callbacks = nullptr;
  nghttp2_session_callbacks_new(&callbacks);
  nghttp2_session_callbacks_set_on_header_callback(
      callbacks,
      [](nghttp2_session*, const nghttp2_frame* frame, const std::uint8_t* name, std::size_t n,
         const std::uint8_t* value, std::size_t v, std::uint8_t, void* self) -> int {
        Request& request = self_of(self).requests[frame->hd.stream_id];
        const bool behind_the_body = frame->headers.cat != NGHTTP2_HCAT_REQUEST;
        (behind_the_body ? request.trailers : request.fields).emplace_back(text(name, n), text(value, v));
        return 0;
      });
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(
      callbacks,
      [](nghttp2_session*, std::uint8_t, std::int32_t id, const std::uint8_t* bytes, std::size_t n,
         void* self) -> int {
        self_of(self).requests[id].body += text(bytes, n);
        return 0;
      });
  nghttp2_session_callbacks_set_on_frame_recv_callback(
      callbacks, [](nghttp2_session*, const nghttp2_frame* frame, void* self) -> int {
        BackendSession& backend = self_of(self);
        const bool ack = (frame->hd.flags & NGHTTP2_FLAG_ACK) != 0;
        switch (frame->hd.type) {
          case NGHTTP2_HEADERS:
          case NGHTTP2_DATA:
            if ((frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0)
              backend.requests[frame->hd.stream_id].ended = true;
            break;
          case NGHTTP2_RST_STREAM:
            backend.requests[frame->hd.stream_id].was_reset = true;
            backend.requests[frame->hd.stream_id].reset = frame->rst_stream.error_code;
            break;
          case NGHTTP2_PING:
            ++(ack ? backend.ping_acks : backend.pings);
            break;
          case NGHTTP2_GOAWAY:
            ++backend.goaways;
            backend.goaway_code = frame->goaway.error_code;
            break;
          default:
            break;
        }
        return 0;
      });
  nghttp2_option* option = nullptr;
  nghttp2_option_new(&option);
  if (!reads_bodies) nghttp2_option_set_no_auto_window_update(option, 1);
  nghttp2_option_set_no_auto_ping_ack(option, 1);
  nghttp2_session_server_new2(&session_, callbacks, this, option);
  nghttp2_option_del(option);
  nghttp2_session_callbacks_del(callbacks);
  const nghttp2_settings_entry settings[] = {{NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, max_streams},
                                             {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, window}};
  nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, settings, 2);
}

BackendSession::~BackendSession() {
  nghttp2_session_del(session_);
}

int BackendSession::receive() {
  int reads = 0;
  std::vector<char> buffer(64 * 1024);
  for (;;) {
    const IoResult r = wire->try_read(buffer);
    if (r.status != IoResult::Status::kOk) return reads;
    ++reads;
    nghttp2_session_mem_recv(session_, reinterpret_cast<const std::uint8_t*>(buffer.data()), r.bytes);
    if (answer_pings && pings > 0) nghttp2_submit_ping(session_, NGHTTP2_FLAG_ACK, nullptr);
  }
}

void BackendSession::send() {
  for (;;) {
    const std::uint8_t* bytes = nullptr;
    const ssize_t n = nghttp2_session_mem_send(session_, &bytes);
    if (n <= 0) return;
    raw(text(bytes, static_cast<std::size_t>(n)));
  }
}

void BackendSession::raw(std::string_view bytes) {
  const std::string_view pieces[] = {bytes};
  (void)wire->try_write(pieces);
}

ssize_t BackendSession::read_data(nghttp2_session* session, std::int32_t id, std::uint8_t* out,
                                  std::size_t room, std::uint32_t* flags, nghttp2_data_source*, void* self) {
  Body& body = self_of(self).bodies_[id];
  const std::size_t n = std::min(room, body.bytes.size());
  std::memcpy(out, body.bytes.data(), n);
  body.bytes.erase(0, n);
  if (!body.bytes.empty()) return static_cast<ssize_t>(n);
  if (!body.last) return n == 0 ? static_cast<ssize_t>(NGHTTP2_ERR_DEFERRED) : static_cast<ssize_t>(n);
  *flags |= NGHTTP2_DATA_FLAG_EOF;
  if (!body.trailers.empty()) {
    *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
    const auto fields = nvs(body.trailers);
    nghttp2_submit_trailer(session, id, fields.data(), fields.size());
  }
  return static_cast<ssize_t>(n);
}

void BackendSession::head(std::int32_t id, const Fields& fields, bool last) {
  const auto list = nvs(fields);
  if (fields.front().second.starts_with("1") && fields.front().second.size() == 3) {
    nghttp2_submit_headers(session_, NGHTTP2_FLAG_NONE, id, nullptr, list.data(), list.size(), nullptr);
  } else if (last) {
    nghttp2_submit_response(session_, id, list.data(), list.size(), nullptr);
  } else {
    nghttp2_data_provider source;
    source.source.ptr = nullptr;
    source.read_callback = read_data;
    nghttp2_submit_response(session_, id, list.data(), list.size(), &source);
  }
  send();
}

void BackendSession::data(std::int32_t id, std::string bytes, bool last, const Fields& trailers) {
  Body& body = bodies_[id];
  body.bytes += bytes;
  body.last = last;
  body.trailers = trailers;
  nghttp2_session_resume_data(session_, id);
  send();
}

void BackendSession::reset(std::int32_t id, std::uint32_t code) {
  nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, id, code);
  send();
}

void BackendSession::settings(std::int32_t key, std::uint32_t value) {
  const nghttp2_settings_entry entry{key, value};
  nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, &entry, 1);
  send();
}

void BackendSession::goaway(std::int32_t last_id, std::uint32_t code) {
  nghttp2_submit_goaway(session_, NGHTTP2_FLAG_NONE, last_id, code, nullptr, 0);
  send();
}

void BackendSession::consume(std::int32_t id, std::size_t bytes) {
  nghttp2_session_consume(session_, id, bytes);
  send();
}

std::int32_t BackendSession::stream_window(std::int32_t id) {
  return nghttp2_session_get_stream_remote_window_size(session_, id);
}

std::string BackendSession::frame(std::uint8_t type, std::uint8_t flags, std::uint32_t stream,
                                  std::string_view payload) {
  std::string out;
  const auto size = static_cast<std::uint32_t>(payload.size());
  for (const int shift : {16, 8, 0})
    out += static_cast<char>(size >> shift & 0xff);
  out += static_cast<char>(type);
  out += static_cast<char>(flags);
  for (const int shift : {24, 16, 8, 0})
    out += static_cast<char>(stream >> shift & 0xff);
  return out.append(payload);
}

}  // namespace sluice::http2::test
