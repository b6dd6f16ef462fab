#include "tests/gateway/http/http2/test_peer.h"

#include <algorithm>
#include <cstring>

namespace sluice::http2::test {
namespace {

TestPeer& peer(void* user) {
  return *static_cast<TestPeer*>(user);
}

std::vector<nghttp2_nv> pairs(const FieldList& fields) {
  std::vector<nghttp2_nv> out;
  for (const auto& [name, value] : fields) {
    out.push_back({reinterpret_cast<std::uint8_t*>(const_cast<char*>(name.data())),
                   reinterpret_cast<std::uint8_t*>(const_cast<char*>(value.data())), name.size(),
                   value.size(), NGHTTP2_NV_FLAG_NONE});
  }
  return out;
}

FieldList head(std::string_view method, std::string_view path, const FieldList& more) {
  FieldList out{{":method", std::string(method)},
                {":scheme", "http"},
                {":authority", "gateway.test"},
                {":path", std::string(path)}};
  out.insert(out.end(), more.begin(), more.end());
  return out;
}

}  // namespace

TestPeer::TestPeer(sluice::test::TestLoop& loop, std::unique_ptr<MemoryTransport> transport,
                   std::uint32_t window)
    : loop_(loop), transport_(std::move(transport)) {
  nghttp2_session_callbacks* callbacks = nullptr;
  nghttp2_session_callbacks_new(&callbacks);
  nghttp2_session_callbacks_set_on_header_callback(
      callbacks, [](nghttp2_session*, const nghttp2_frame* frame, const std::uint8_t* name, std::size_t n,
                    const std::uint8_t* value, std::size_t v, std::uint8_t, void* user) {
        Answer& answer = peer(user).answer(frame->hd.stream_id);
        const std::string key(reinterpret_cast<const char*>(name), n);
        const std::string text(reinterpret_cast<const char*>(value), v);
        if (key == ":status") {
          const int status = std::stoi(text);
          if (status < 200) {
            answer.interim.push_back(status);
          } else {
            answer.status = status;
          }
        } else if (answer.status != 0 && frame->headers.cat == NGHTTP2_HCAT_HEADERS &&
                   (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0 && answer.fields.size() != 0) {
          answer.trailers.emplace_back(key, text);
        } else {
          answer.fields.emplace_back(key, text);
        }
        return 0;
      });
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(
      callbacks, [](nghttp2_session* s, std::uint8_t, std::int32_t id, const std::uint8_t* data,
                    std::size_t n, void* user) {
        peer(user).answer(id).body.append(reinterpret_cast<const char*>(data), n);
        if (!peer(user).hold_) nghttp2_session_consume(s, id, n);
        return 0;
      });
  nghttp2_session_callbacks_set_on_frame_recv_callback(
      callbacks, [](nghttp2_session*, const nghttp2_frame* frame, void* user) {
        TestPeer& self = peer(user);
        self.frames_.push_back(frame->hd.type);
        if (frame->hd.type == NGHTTP2_GOAWAY)
          self.goaways_.push_back({frame->goaway.last_stream_id, frame->goaway.error_code});
        if (frame->hd.type == NGHTTP2_SETTINGS) {
          for (std::size_t i = 0; i < frame->settings.niv; ++i)
            self.settings_[static_cast<std::uint16_t>(frame->settings.iv[i].settings_id)] =
                frame->settings.iv[i].value;
        }
        if (frame->hd.type == NGHTTP2_RST_STREAM) {
          self.answer(frame->hd.stream_id).reset = true;
          self.answer(frame->hd.stream_id).code = frame->rst_stream.error_code;
        }
        if ((frame->hd.type == NGHTTP2_DATA || frame->hd.type == NGHTTP2_HEADERS) &&
            (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0)
          self.answer(frame->hd.stream_id).ended = true;
        return 0;
      });
  nghttp2_session_callbacks_set_on_stream_close_callback(
      callbacks, [](nghttp2_session*, std::int32_t id, std::uint32_t, void* user) {
        peer(user).answer(id).closed = true;
        return 0;
      });
  nghttp2_option* option = nullptr;
  nghttp2_option_new(&option);
  nghttp2_option_set_no_auto_window_update(option, 1);
  nghttp2_session_client_new2(&session_, callbacks, this, option);
  nghttp2_option_del(option);
  nghttp2_session_callbacks_del(callbacks);
  const nghttp2_settings_entry entries[] = {{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, window}};
  nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, entries, 1);
}

TestPeer::~TestPeer() {
  nghttp2_session_del(session_);
}

std::int32_t TestPeer::request(const FieldList& fields, const std::string* body, bool end) {
  const auto nv = pairs(fields);
  auto source = std::make_unique<Body>();
  if (body != nullptr) source->bytes = *body;
  source->last = end;
  nghttp2_data_provider provider;
  provider.source.ptr = source.get();
  provider.read_callback = [](nghttp2_session*, std::int32_t, std::uint8_t* out, std::size_t n,
                              std::uint32_t* flags, nghttp2_data_source* from, void*) -> ssize_t {
    auto& b = *static_cast<Body*>(from->ptr);
    if (b.bytes.empty() && !b.last) {
      b.deferred = true;
      return NGHTTP2_ERR_DEFERRED;
    }
    const std::size_t taken = std::min(n, b.bytes.size());
    std::memcpy(out, b.bytes.data(), taken);
    b.bytes.erase(0, taken);
    if (b.bytes.empty() && b.last)
      *flags |= NGHTTP2_DATA_FLAG_EOF | (b.trailers ? NGHTTP2_DATA_FLAG_NO_END_STREAM : 0u);
    return static_cast<ssize_t>(taken);
  };
  const bool has_body = body != nullptr || !end;
  const std::int32_t id = nghttp2_submit_request(session_, nullptr, nv.data(), nv.size(),
                                                 has_body ? &provider : nullptr, nullptr);
  bodies_[id] = std::move(source);
  return id;
}

std::int32_t TestPeer::get(std::string_view path, const FieldList& more) {
  return request(head("GET", path, more));
}

std::int32_t TestPeer::post(std::string_view path, std::string_view body, const FieldList& more) {
  const std::string text(body);
  return request(head("POST", path, more), &text);
}

std::int32_t TestPeer::open(std::string_view path, const FieldList& more) {
  return request(head("POST", path, more), nullptr, false);
}

void TestPeer::send_body(std::int32_t id, std::string_view bytes, bool last) {
  Body& body = *bodies_.at(id);
  body.bytes.append(bytes);
  body.last = last;
  if (std::exchange(body.deferred, false)) nghttp2_session_resume_data(session_, id);
}

void TestPeer::send_trailers(std::int32_t id, const FieldList& trailers) {
  Body& body = *bodies_.at(id);
  body.last = body.trailers = true;
  if (std::exchange(body.deferred, false)) nghttp2_session_resume_data(session_, id);
  put();
  const auto nv = pairs(trailers);
  nghttp2_submit_trailer(session_, id, nv.data(), nv.size());
}

void TestPeer::reset(std::int32_t id, std::uint32_t code) {
  nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, id, code);
}

void TestPeer::widen(std::int32_t id, std::int32_t bytes) {
  nghttp2_submit_window_update(session_, NGHTTP2_FLAG_NONE, id, bytes);
}

void TestPeer::ping() {
  nghttp2_submit_ping(session_, NGHTTP2_FLAG_NONE, nullptr);
}

void TestPeer::put() {
  for (;;) {
    const std::uint8_t* data = nullptr;
    const ssize_t n = nghttp2_session_mem_send(session_, &data);
    if (n <= 0) break;
    unsent_.append(reinterpret_cast<const char*>(data), static_cast<std::size_t>(n));
  }
  put_raw({});
}

void TestPeer::put_raw(std::string_view bytes) {
  unsent_.append(bytes);
  const std::string_view pieces[] = {unsent_};
  if (unsent_.empty()) return;
  unsent_.erase(0, transport_->try_write(pieces).bytes);
}

void TestPeer::receive() {
  char buffer[16 * 1024];
  for (;;) {
    const IoResult r = transport_->try_read(buffer);
    if (r.status != IoResult::Status::kOk) {
      ended_ = r.status != IoResult::Status::kWouldBlock;
      return;
    }
    nghttp2_session_mem_recv(session_, reinterpret_cast<const std::uint8_t*>(buffer), r.bytes);
  }
}

void TestPeer::turn() {
  for (int i = 0; i < 1000; ++i) {
    put();
    std::size_t ran = loop_.turn();
    const std::size_t before = frames_.size();
    receive();
    ran += loop_.turn();
    if (ran == 0 && frames_.size() == before && unsent_.empty() && nghttp2_session_want_write(session_) == 0)
      return;
  }
}

}  // namespace sluice::http2::test
