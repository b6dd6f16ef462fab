#include "gateway/http/http2/server_writer.h"

#include <nghttp2/nghttp2.h>

#include <algorithm>
#include <cassert>
#include <optional>
#include <utility>

#include "gateway/http/http2/message_heads.h"
#include "gateway/http/http2/server_body.h"
#include "gateway/http/http2/server_stream.h"
#include "gateway/http/http_date.h"

namespace sluice::http2 {
namespace {

// Of the content of all answers of a connection, in bytes: two writes' worth. What comes on top of it, at
// most Room::kLeast for each of them and the piece that a write lends, waits for the client.
constexpr std::size_t kMaxUnsent = 128 * 1024;

}  // namespace

// Bytes that are being lent. Whoever gives the write up half way leaves a torn answer: nothing may follow.
class ServerConnection::Writer::Loan {
 public:
  explicit Loan(Writer& writer) noexcept : writer_(writer) {}
  Loan(const Loan&) = delete;
  Loan& operator=(const Loan&) = delete;
  ~Loan() {
    if (!writer_.stream_.out().lent()) return;
    writer_.stream_.out().abandon();
    writer_.state_ = State::kBroken;
  }

 private:
  Writer& writer_;
};

ServerConnection::Writer::Writer(Stream& stream) : stream_(stream), taken_(stream.connection().loop_) {}

Duration ServerConnection::Writer::client_stalled() const noexcept {
  return stream_.stalled_for();
}

Result<void> ServerConnection::Writer::gone() const {
  return fail(ErrorKind::kClientGone,
              stalled_ ? "the client takes no bytes (write_timeout)" : "the client left");
}

Task<Result<void>> ServerConnection::Writer::start(ResponseHead head) {
  assert(state_ == State::kIdle && "at most one start reaches the client");
  stream_.body().answer_started();
  if (!fits_a_block(head)) {
    state_ = State::kBroken;  // the stream is reset as the failure reaches it
    return Result<void>(
        fail(ErrorKind::kInternal, "the answer's head is longer than HTTP/2 can send (64 KiB)"));
  }
  state_ = State::kStarted;
  if (is_head_ || status_has_no_body(head.status)) {
    mode_ = Mode::kNoBody;
  } else if (head.content_length) {
    mode_ = Mode::kLength;
    length_ = *head.content_length;
  } else {
    mode_ = Mode::kOpen;
  }
  head_ = make_pooled<ResponseHead>(std::move(head));
  return Result<void>();
}

void ServerConnection::Writer::send_head(bool has_body) {
  if (!head_) return;
  ServerConnection& connection = stream_.connection();
  std::optional<HttpDate> now;
  if (!head_->headers.has(HeaderId::kDate)) now.emplace(connection.loop_.time().wall());
  if (!submit_response(*connection.session_, stream_.id(), *head_, now ? now->view() : std::string_view(),
                       has_body ? &stream_.out() : nullptr)) {
    state_ = State::kBroken;
  }
  head_.reset();
  connection.sender_.schedule();
}

Task<Result<void>> ServerConnection::Writer::flush() {
  if (state_ == State::kStarted) send_head(true);
  if (stream_.out().empty() || room() > kLeast) return Result<void>();
  return wait_for_room();
}

Task<Result<void>> ServerConnection::Writer::wait_for_room() {
  while (state_ != State::kBroken && !stream_.out().empty() && room() == kLeast)
    co_await taken_.wait();
  if (state_ == State::kBroken) co_return gone();
  co_return Result<void>();
}

std::size_t ServerConnection::Writer::room() const noexcept {
  ServerConnection& connection = stream_.connection();
  if (connection.sender_.blocked()) return kLeast;
  nghttp2_session* session = connection.session_.get();
  const std::int32_t window = std::min(nghttp2_session_get_stream_remote_window_size(session, stream_.id()),
                                       nghttp2_session_get_remote_window_size(session));
  const std::size_t admitted =
      std::min<std::size_t>(kMaxUnsent, static_cast<std::size_t>(std::max(window, 0)));
  const std::size_t unsent = connection.admitted_unsent();
  return std::max(kLeast, admitted - std::min(admitted, unsent));
}

Task<Result<void>> ServerConnection::Writer::write(std::string_view bytes) {
  assert(state_ != State::kIdle);
  if (state_ == State::kBroken) return gone();
  if (bytes.empty() || mode_ == Mode::kNoBody) return Result<void>();
  content_bytes_ += bytes.size();
  if (mode_ == Mode::kLength && content_bytes_ > length_) {
    state_ = State::kBroken;
    return Result<void>(fail(ErrorKind::kInternal, "more content than content-length"));
  }
  send_head(true);
  return send(bytes);
}

Task<Result<void>> ServerConnection::Writer::finish(std::string_view bytes, const Headers* trailers) {
  assert(state_ != State::kIdle);
  if (state_ == State::kBroken) return gone();
  if (mode_ == Mode::kNoBody) bytes = {};
  content_bytes_ += bytes.size();
  if (mode_ == Mode::kLength && content_bytes_ != length_) {
    state_ = State::kBroken;
    return Result<void>(fail(ErrorKind::kInternal, "the content does not have content-length bytes"));
  }
  if (mode_ == Mode::kNoBody || (trailers != nullptr && trailers->empty())) trailers = nullptr;
  const bool head_alone = head_ && bytes.empty() && trailers == nullptr;
  send_head(!head_alone);
  if (state_ == State::kBroken) return gone();
  state_ = State::kFinished;
  if (head_alone) return Result<void>();
  stream_.out().end(trailers);
  stream_.has_unsent();
  return send(bytes);
}

Task<Result<void>> ServerConnection::Writer::send(std::string_view bytes) {
  if (bytes.empty()) return Result<void>();
  stream_.has_unsent();
  if (stream_.out().write(bytes)) return Result<void>();
  return wait_until_taken();
}

Task<Result<void>> ServerConnection::Writer::wait_until_taken() {
  const Loan loan(*this);
  while (stream_.out().lent())
    co_await taken_.wait();
  if (state_ == State::kBroken) co_return gone();
  co_return Result<void>();
}

void ServerConnection::Writer::give_up(bool stalled) {
  stalled_ = stalled;
  state_ = State::kBroken;
  head_.reset();
  taken_.notify_all();
}

}  // namespace sluice::http2
