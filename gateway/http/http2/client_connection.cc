#include "gateway/http/http2/client_connection.h"

#include <nghttp2/nghttp2.h>

#include <algorithm>
#include <cassert>
#include <utility>

#include "gateway/http/http2/client_callbacks.h"
#include "gateway/http/http2/request_stream.h"

namespace sluice::http2 {
namespace {

// Reads in a row without a wait: a backend that sends as fast as it is read must not keep the loop from its
// other connections.
constexpr int kMaxEagerReads = 16;

}  // namespace

ClientConnection::ClientConnection(std::unique_ptr<Transport> transport, const ClientLimits& limits,
                                   const ClientCounts& counts, std::string_view scheme, Owner& owner)
    : transport_(std::move(transport)),
      loop_(transport_->loop()),
      limits_(limits),
      counts_(counts),
      scheme_(scheme),
      owner_(owner),
      session_(Callbacks::make_session(*this)),
      sender_(*transport_, *session_, limits.stall, *this),
      guard_(loop_.now()),
      change_(
          [](void* self) {
            auto& connection = *static_cast<ClientConnection*>(self);
            connection.owner_.on_connection_changed(connection);
          },
          this),
      silence_([](void* self) { static_cast<ClientConnection*>(self)->on_silence(); }, this),
      received_at_(loop_.now()) {
  start();
}

ClientConnection::~ClientConnection() {
  assert(stream_count_ == 0);
  if (lost_) return;
  (void)nghttp2_session_terminate_session(session_.get(), NGHTTP2_NO_ERROR);
  sender_.flush();
  lose(ErrorKind::kUpstreamReset, "the connection was given up");
}

void ClientConnection::start() {
  const nghttp2_settings_entry settings[] = {
      {NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
      {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, limits_.stream_window},
      {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, static_cast<std::uint32_t>(limits_.head.max_head_bytes)},
  };
  (void)nghttp2_submit_settings(session_.get(), NGHTTP2_FLAG_NONE, settings, std::size(settings));
  (void)nghttp2_session_set_local_window_size(session_.get(), NGHTTP2_FLAG_NONE, 0,
                                              static_cast<std::int32_t>(limits_.connection_window));
  transport_->listen(Direction::kRead, this);
  sender_.schedule();
  watch();
}

std::size_t ClientConnection::room() const noexcept {
  if (lost_ || draining_ || nghttp2_session_check_request_allowed(session_.get()) == 0) return 0;
  const std::size_t allowed =
      greeted_ ? nghttp2_session_get_remote_settings(session_.get(), NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS)
               : kStreamsBeforeSettings;
  const std::size_t most = std::min<std::size_t>(allowed, limits_.max_streams);
  return most > stream_count_ ? most - stream_count_ : 0;
}

std::unique_ptr<RequestStream> ClientConnection::begin() {
  auto stream = std::make_unique<RequestStream>(*this);
  streams_.push_back(*stream);
  ++stream_count_;
  counts_.streams.add(1);
  if (stream_count_ == 1) received_at_ = loop_.now();
  watch();
  if (lost_) stream->connection_lost(ErrorKind::kUpstreamReset, "the connection is closed");
  return stream;
}

void ClientConnection::remove(RequestStream& stream) noexcept {
  stream.unlink();
  --stream_count_;
  counts_.streams.add(-1);
  changed();
}

// PINGs

void ClientConnection::watch() noexcept {
  if (lost_ || silence_.armed() || limits_.ping_interval == Duration::zero()) return;
  if (stream_count_ == 0 && !limits_.ping_idle) return;
  loop_.arm(silence_, received_at_ + limits_.ping_interval);
}

void ClientConnection::on_silence() {
  if (stream_count_ == 0 && !limits_.ping_idle) {
    ping_sent_ = false;
    return;
  }
  const TimePoint now = loop_.now();
  if (std::exchange(ping_sent_, false)) {
    counts_.pings_lost.add();
    return lose(ErrorKind::kUpstreamReset, "the backend did not answer a PING");
  }
  if (now < received_at_ + limits_.ping_interval) {
    loop_.arm(silence_, received_at_ + limits_.ping_interval);
    return;
  }
  ping_sent_ = true;
  (void)nghttp2_submit_ping(session_.get(), NGHTTP2_FLAG_NONE, nullptr);
  sender_.schedule();
  loop_.arm(silence_, now + limits_.ping_timeout);
}

// The socket

void ClientConnection::on_ready() {
  if (lost_) return;
  const BufferPool::Block block = loop_.buffers().acquire(BlockSize::kLarge);
  for (int reads = 0; reads < kMaxEagerReads; ++reads) {
    const IoResult r = transport_->try_read({block.data(), block.size()});
    if (r.status == IoResult::Status::kWouldBlock) break;
    if (r.status != IoResult::Status::kOk)
      return lose(ErrorKind::kUpstreamReset, "the backend closed the connection");
    if (!feed({block.data(), r.bytes})) return;
    if (r.bytes < block.size()) break;
  }
  transport_->listen(Direction::kRead, this);
  sender_.schedule();
}

bool ClientConnection::feed(std::string_view bytes) {
  received_at_ = loop_.now();
  ping_sent_ = false;
  const ssize_t n = nghttp2_session_mem_recv(
      session_.get(), reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
  if (n >= 0 && !flooded_) return true;
  counts_.protocol_errors.add();
  (void)nghttp2_session_terminate_session(session_.get(), NGHTTP2_ENHANCE_YOUR_CALM);
  sender_.flush();
  lose(ErrorKind::kUpstreamMalformed, "the backend sends too much that is no answer");
  return false;
}

void ClientConnection::on_flushed() {
  if (lost_ || nghttp2_session_want_read(session_.get()) != 0 ||
      nghttp2_session_want_write(session_.get()) != 0 || sender_.blocked())
    return;
  if (broken_) counts_.protocol_errors.add();
  lose(broken_ ? ErrorKind::kUpstreamMalformed : ErrorKind::kUpstreamReset,
       broken_ ? "the backend breaks RFC 9113" : "the backend took its leave");
}

void ClientConnection::on_send_failed(bool stalled) {
  lose(stalled ? ErrorKind::kUpstreamTimeout : ErrorKind::kUpstreamReset,
       stalled ? "the backend takes no bytes" : "the backend closed the connection");
}

void ClientConnection::lose(ErrorKind kind, const std::string& detail) {
  if (std::exchange(lost_, true)) return;
  sender_.stop();
  silence_.disarm();
  transport_->listen(Direction::kRead, nullptr);
  transport_->close();
  streams_.for_each([&](RequestStream& stream) { stream.connection_lost(kind, detail); });
  changed();
}

// What the session tells

void ClientConnection::frame_begins(std::uint8_t type, std::uint8_t flags, std::size_t length, bool awaited) {
  const bool ends = (flags & NGHTTP2_FLAG_END_STREAM) != 0;
  // Whether there is content behind padding is seen later.
  const bool padded = (flags & NGHTTP2_FLAG_PADDED) != 0;
  padding_hides_use_ = type == NGHTTP2_DATA && padded && !ends && awaited;
  if (type == NGHTTP2_DATA && (ends || (length != 0 && !padded))) {
    // What was under way to a stream that is given up is no flood.
    if (awaited) guard_.useful_frame();
    return;
  }
  if (type == NGHTTP2_HEADERS && awaited) return guard_.useful_frame();
  const bool costly = type == NGHTTP2_SETTINGS || type == NGHTTP2_GOAWAY;
  if (flooded_ || guard_.control_frame(loop_.now(), costly ? FloodGuard::kSettingsCost : 1)) return;
  flooded_ = true;
}

void ClientConnection::content_received() {
  if (std::exchange(padding_hides_use_, false)) guard_.useful_frame();
}

void ClientConnection::goaway_received() {
  if (!std::exchange(draining_, true)) counts_.goaways.add();
  changed();
}

void ClientConnection::settings_received() {
  greeted_ = true;
  changed();
}

void ClientConnection::frame_sent(std::uint8_t type, std::uint32_t goaway_code) {
  // What moves requests justifies the frames by which the backend answers.
  if (type == NGHTTP2_HEADERS || type == NGHTTP2_DATA) guard_.useful_frame();
  if (type == NGHTTP2_GOAWAY && goaway_code != NGHTTP2_NO_ERROR) broken_ = true;
}

}  // namespace sluice::http2
