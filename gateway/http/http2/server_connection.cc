#include "gateway/http/http2/server_connection.h"

#include <nghttp2/nghttp2.h>

#include <algorithm>
#include <utility>

#include "gateway/http/http2/server_session.h"
#include "gateway/http/http2/server_stream.h"

namespace sluice::http2 {
namespace {

// How long and how much a connection that ends drains, so that its last frames are not lost to a reset.
constexpr Duration kLingerTime = std::chrono::seconds(2);
constexpr std::size_t kLingerBytes = 1024 * 1024;
// Reads in a row: a client that sends as fast as it is read must not keep the loop from its other
// connections.
constexpr int kMaxEagerReads = 4;

}  // namespace

ServerConnection::ServerConnection(std::unique_ptr<Transport> transport, const ServerLimits& limits,
                                   ServerCounts& counts, StreamHandler& handler, ReceivedBytes received)
    : transport_(std::move(transport)),
      loop_(transport_->loop()),
      limits_(limits),
      counts_(counts),
      handler_(handler),
      first_bytes_(std::move(received)),
      session_(Callbacks::make_session(*this)),
      sender_(*transport_, *session_, limits.write_timeout, *this),
      guard_(loop_.now()),
      closed_streams_(limits.max_streams),
      idle_(
          [](void* self) {
            auto& connection = *static_cast<ServerConnection*>(self);
            nghttp2_session_terminate_session(connection.session_.get(), NGHTTP2_NO_ERROR);
            connection.sender_.schedule();
          },
          this),
      head_(
          [](void* self) {
            static_cast<ServerConnection*>(self)->cut(Cut::kHeadTimeout, ErrorCode::kEnhanceYourCalm);
          },
          this),
      ended_(loop_) {
  ++counts_.connections;
  transport_->set_hangup_listener(this);
}

ServerConnection::~ServerConnection() {
  tasks_.cancel_all();
  while (!streams_.empty())
    remove(streams_.front());
}

Task<void> ServerConnection::run() {
  sender_.put(Callbacks::greeting(*session_, limits_));
  loop_.arm(idle_, loop_.now() + limits_.idle_timeout);
  if (first_bytes_.size != 0) receive(first_bytes_.view());
  first_bytes_.block.release();
  first_bytes_.begun.reset();
  if (transport_->hung_up()) end(State::kCut);
  if (state_ == State::kOpen) transport_->listen(Direction::kRead, this);
  while (state_ == State::kOpen)
    co_await ended_.wait();
  if (state_ == State::kEnding) co_await linger();
  sender_.stop();
  if (reset_) {
    transport_->reset();
  } else {
    transport_->close();
  }
}

Task<void> ServerConnection::linger() {
  const TimePoint deadline = loop_.now() + kLingerTime;
  sender_.flush();
  while (!sender_.done() && state_ == State::kEnding) {
    const bool in_time = co_await sender_.progress().wait(deadline);
    if (!in_time) co_return;
  }
  if (state_ != State::kEnding) co_return;
  transport_->shutdown_write();
  std::size_t drained = 0;
  while (drained < kLingerBytes && state_ == State::kEnding) {
    const bool in_time = co_await transport_->readable(deadline);
    if (!in_time) co_return;
    BufferPool::Block block = loop_.buffers().acquire(BlockSize::kSmall);
    const IoResult r = transport_->try_read({block.data(), block.size()});
    if (r.status == IoResult::Status::kEnd || r.status == IoResult::Status::kBroken) co_return;
    drained += r.bytes;
  }
}

void ServerConnection::on_ready() {
  for (int reads = 0; state_ == State::kOpen && reads < kMaxEagerReads; ++reads) {
    BufferPool::Block block = loop_.buffers().acquire(BlockSize::kSmall);
    const IoResult r = transport_->try_read({block.data(), block.size()});
    if (r.status == IoResult::Status::kEnd || r.status == IoResult::Status::kBroken) return end(State::kCut);
    if (r.status == IoResult::Status::kWouldBlock) break;
    receive({block.data(), r.bytes});
    if (r.bytes < block.size()) break;
  }
  if (state_ == State::kOpen) transport_->listen(Direction::kRead, this);
}

void ServerConnection::receive(std::string_view bytes) {
  while (!bytes.empty() && state_ == State::kOpen) {
    const FrameTracker::Step step = tracker_.next(bytes);
    if (step.begins && !frame_begins(tracker_.frame())) break;
    give_to_session(bytes.substr(0, step.size));
    if (step.ends && state_ == State::kOpen) frame_ends(tracker_.frame());
    bytes.remove_prefix(step.size);
    if (state_ == State::kOpen && too_many_answers()) {
      // One read may hold more questions than that: only answers that cannot leave are too many.
      sender_.flush();
      if (too_many_answers()) cut(Cut::kUnreadAnswers, ErrorCode::kEnhanceYourCalm);
    }
  }
  // Streams that are reset for what came with their heads are gone before work begins for them.
  if (state_ == State::kOpen && !starting_.empty()) sender_.collect();
  if (state_ != State::kOpen) return;
  settle_closed();
  start_streams();
  watch_head();
  if (nghttp2_session_want_write(session_.get()) != 0) sender_.schedule();
  end_if_done();
}

void ServerConnection::give_to_session(std::string_view bytes) {
  const ssize_t used = nghttp2_session_mem_recv(
      session_.get(), reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
  if (used == NGHTTP2_ERR_FLOODED) {
    cut(Cut::kUnreadAnswers, ErrorCode::kEnhanceYourCalm);
  } else if (used < 0) {
    cut(Cut::kProtocolError, ErrorCode::kProtocolError);
  }
}

bool ServerConnection::too_many_answers() const noexcept {
  return nghttp2_session_get_outbound_queue_size(session_.get()) > kMaxQueuedAnswers + limits_.max_streams;
}

// Counted from the first byte: a head that drips gains no time by it.
void ServerConnection::watch_head() {
  const bool incomplete = !greeted_ || tracker_.inside_head();
  if (!incomplete || state_ != State::kOpen) return head_.disarm();
  if (head_.armed() && watched_block_ == tracker_.blocks()) return;
  watched_block_ = tracker_.blocks();
  loop_.arm(head_, std::exchange(first_bytes_.begun, {}).value_or(loop_.now()) + limits_.head_timeout);
}

void ServerConnection::start_streams() {
  while (Stream* stream = starting_.pop_front()) {
    if (state_ == State::kOpen && !stream->closed()) tasks_.spawn(serve(*stream));
  }
}

void ServerConnection::settle_closed() {
  while (Stream* stream = closed_.pop_front()) {
    if (stream->working()) {
      stream->cancel();  // its serve() removes it in this turn
    } else {
      remove(*stream);
    }
  }
}

Task<void> ServerConnection::serve(Stream& stream) {
  bool answered = false;
  {
    const std::string_view protocol = "HTTP/2";
    const std::span<const IpNetwork> proxies =
        limits_.trusted_proxies ? std::span(*limits_.trusted_proxies) : std::span<const IpNetwork>();
    ServerStream exposed{stream.head(),     stream.body(),
                         stream.writer(),   transport_->peer(),
                         protocol,          stream.received_at(),
                         &stream,           proxies,
                         transport_->tls(), limits_.forward_client_certificate};
    Cancellable<Result<void>> work(
        loop_, stream.refusal() ? handler_.refuse({*stream.refusal(), stream.writer(), transport_->peer(),
                                                   stream.received_at(), protocol})
                                : handler_.serve(exposed));
    const Stream::WorkScope scope(stream, work);
    const std::optional<Result<void>> outcome = co_await work;
    answered = outcome && *outcome && stream.writer().finished();
  }
  stream.work_ended(answered);
}

void ServerConnection::remove(Stream& stream) noexcept {
  --stream_count_;
  heads_bytes_ -= stream.head_bytes();
  delete &stream;  // of streams_, which owns it
  if (stream_count_ == 0 && state_ == State::kOpen) loop_.arm(idle_, loop_.now() + limits_.idle_timeout);
}

void ServerConnection::drain() {
  if (state_ != State::kOpen || std::exchange(draining_, true)) return;
  nghttp2_submit_shutdown_notice(session_.get());
  nghttp2_submit_ping(session_.get(), NGHTTP2_FLAG_NONE, nullptr);
  sender_.schedule();
}

void ServerConnection::end_idle() {
  if (state_ == State::kOpen) last_goaway();
}

void ServerConnection::last_goaway() {
  if (std::exchange(last_goaway_sent_, true)) return;
  nghttp2_submit_goaway(session_.get(), NGHTTP2_FLAG_NONE,
                        nghttp2_session_get_last_proc_stream_id(session_.get()), NGHTTP2_NO_ERROR, nullptr,
                        0);
  sender_.schedule();
}

void ServerConnection::cut(Cut reason, ErrorCode code) {
  if (state_ != State::kOpen) return;
  count_cut(reason);
  nghttp2_session_terminate_session(session_.get(), static_cast<std::uint32_t>(code));
  end(State::kEnding);
}

void ServerConnection::count_cut(Cut reason) noexcept {
  if (!std::exchange(cut_counted_, true)) ++counts_.cuts[static_cast<std::size_t>(reason)];
}

void ServerConnection::end(State state) noexcept {
  if (state <= state_) return;
  state_ = state;
  transport_->listen(Direction::kRead, nullptr);
  idle_.disarm();
  head_.disarm();
  if (state == State::kCut) {
    sender_.stop();
    drop_unsent();
  }
  sender_.progress().notify_all();
  streams_.for_each([](Stream& stream) { stream.cancel(); });
  ended_.notify_all();
}

// The session gives up a connection of its own accord and tells of it only as its GOAWAY is packed, which a
// socket that takes nothing would put off for ever. Frames come before the content of streams, and the sender
// has no room for that any more.
void ServerConnection::drop_unsent() noexcept {
  const std::uint8_t* frame = nullptr;
  while (nghttp2_session_mem_send(session_.get(), &frame) > 0)
    continue;
}

// Content that waits for the connection's window or the socket, in bytes: what its own stream's window does
// not admit takes room from no other.
std::size_t ServerConnection::admitted_unsent() noexcept {
  std::size_t bytes = sender_.unsent_content();
  stalled_.for_each([&](Stream& stream) {
    const std::int32_t window = nghttp2_session_get_stream_remote_window_size(session_.get(), stream.id());
    const std::size_t size = stream.out().size();
    bytes -= size - std::min(size, static_cast<std::size_t>(std::max(window, 0)));
  });
  return bytes;
}

void ServerConnection::end_if_done() noexcept {
  if (state_ == State::kOpen && nghttp2_session_want_read(session_.get()) == 0 && sender_.done())
    end(State::kEnding);
}

void ServerConnection::on_hangup() {
  end(State::kCut);
}

void ServerConnection::on_flushed() {
  settle_closed();
  while (Stream* stream = unsent_.pop_front())
    stream->note_stall();
  end_if_done();
}

void ServerConnection::on_send_failed(bool stalled) {
  reset_ = stalled;
  end(State::kCut);
  if (stalled) count_cut(Cut::kWriteTimeout);
}

}  // namespace sluice::http2
