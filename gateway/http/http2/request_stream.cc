#include "gateway/http/http2/request_stream.h"

#include <nghttp2/nghttp2.h>

#include <algorithm>
#include <cassert>
#include <charconv>
#include <utility>

#include "gateway/http/http1/chunked_decoder.h"
#include "gateway/http/http2/message_heads.h"
#include "gateway/http/trailers.h"

namespace sluice::http2 {
namespace {

// Of an answer's head.
constexpr std::size_t kExpectedFields = 16;
constexpr std::size_t kExpectedBytes = 512;

}  // namespace

// The body's bytes are the sender's for as long as it waits. If it leaves before frames took them, the
// request is incomplete for good.
class RequestStream::Lent {
 public:
  explicit Lent(RequestStream& stream) noexcept : stream_(stream) {}
  Lent(const Lent&) = delete;
  Lent& operator=(const Lent&) = delete;
  ~Lent() {
    if (stream_.body_.lent()) stream_.cancel();
  }

 private:
  RequestStream& stream_;
};

RequestStream::RequestStream(ClientConnection& connection)
    : connection_(connection),
      body_(*connection.session_, connection.sender_, *this),
      arrived_(connection.loop_),
      taken_(connection.loop_),
      reused_(connection.used_ && connection.stream_count_ == 0),
      arriving_(connection.limits_.stream_window) {}

RequestStream::~RequestStream() {
  cancel();
  connection_.remove(*this);
}

void RequestStream::cancel() noexcept {
  body_.abandon();
  if (id_ <= 0 || std::exchange(closed_, true) || connection_.lost_) return;
  nghttp2_session_set_stream_user_data(connection_.session_.get(), id_, nullptr);
  (void)nghttp2_submit_rst_stream(connection_.session_.get(), NGHTTP2_FLAG_NONE, id_, NGHTTP2_CANCEL);
  connection_.sender_.schedule();
}

void RequestStream::abort() noexcept {
  cancel();
  fail_with(ErrorKind::kUpstreamReset, "the request was given up", Retriable::kNever);
}

// A body longer or shorter than its Content-Length would be an error of this gateway's making.
Result<void> RequestStream::account(std::uint64_t bytes, bool last) {
  if (until_end_) return {};
  if (bytes > unsent_ || (last && bytes != unsent_)) {
    return fail(ErrorKind::kInternal, "the request's body does not have the length that its head told");
  }
  unsent_ -= bytes;
  return {};
}

bool RequestStream::write(std::string_view bytes, bool last, const Headers* trailers) {
  const bool taken = bytes.empty() || body_.write(bytes);
  if (last) {
    request_ended_ = true;
    body_.end(trailers);
  }
  return taken;
}

Result<void> RequestStream::sending_result() const {
  if (failure_) return fail(*failure_);
  // The whole answer came before the request's end: RFC 9113 8.1 lets a server stop it.
  if (closed_ && !request_sent_)
    return fail(ErrorKind::kUpstreamReset, "the backend takes no more of the request");
  return {};
}

Task<Result<void>> RequestStream::send(const RequestHead& head, std::optional<std::uint64_t> length,
                                       std::span<const std::string_view> body, bool last, Duration stall,
                                       const Headers* trailers) {
  assert(id_ == 0 && body.size() <= kMaxPieces);
  std::uint64_t size = 0;
  for (const std::string_view piece : body)
    size += piece.size();
  if (last) length = size;
  until_end_ = !length;
  unsent_ = length.value_or(0);
  if (auto ok = account(size, last); !ok) return ok;
  if (auto ok = sending_result(); !ok) return ok;
  const bool has_trailers = last && trailers != nullptr && !trailers->empty();
  const bool has_body = size != 0 || !last || has_trailers;
  // RFC 9110 8.6: a method that anticipates content says so even when there is none.
  const bool tells_length = has_body || head.method == Method::kPost || head.method == Method::kPut ||
                            head.method == Method::kPatch;
  request_ended_ = !has_body;
  if (!fits_a_block(head)) {
    fail_with(ErrorKind::kHeadTooLarge, "the request's head is longer than HTTP/2 to the backend can carry",
              Retriable::kNever);
    return sending_result();
  }
  id_ = submit_request(*connection_.session_, head, connection_.scheme_,
                       tells_length ? length : std::optional<std::uint64_t>(), has_body ? &body_ : nullptr,
                       this);
  if (id_ < 0) {
    fail_with(ErrorKind::kUpstreamReset, "the connection takes no more requests", Retriable::kAlways);
    return sending_result();
  }
  connection_.sender_.schedule();
  if (!has_body) return Result<void>{};
  body_.attach(id_);
  if (body.empty() && last) (void)write({}, true, trailers);
  for (std::size_t i = 0; i < body.size(); ++i) {
    if (!write(body[i], last && i + 1 == body.size(), trailers))
      return send_slowly({body.begin() + static_cast<std::ptrdiff_t>(i) + 1, body.end()}, last, stall,
                         trailers);
  }
  return Result<void>{};
}

Task<Result<void>> RequestStream::send_body(std::string_view bytes, bool last, Duration stall,
                                            const Headers* trailers) {
  if (auto ok = account(bytes.size(), last); !ok) return ok;
  if (auto ok = sending_result(); !ok) return ok;
  if (write(bytes, last, trailers)) return Result<void>{};
  return send_slowly({}, last, stall, trailers);
}

Task<Result<void>> RequestStream::send_slowly(std::vector<std::string_view> rest, bool last, Duration stall,
                                              const Headers* trailers) {
  const Lent lent(*this);
  for (std::size_t next = 0;; ++next) {
    while (body_.lent()) {
      const bool moved = co_await taken_.wait(connection_.loop_.now() + stall);
      if (!moved) {
        cancel();
        fail_with(ErrorKind::kUpstreamTimeout, "the backend takes no bytes of the request",
                  Retriable::kNever);
        break;
      }
    }
    if (auto ok = sending_result(); !ok || next == rest.size()) co_return ok;
    (void)write(rest[next], last && next + 1 == rest.size(), trailers);
  }
}

void RequestStream::on_body_taken() {
  if (request_ended_ && body_.empty()) request_sent_ = true;
  taken_.notify_all();
}

// The answer

void RequestStream::head_begins() noexcept {
  answered_ = true;
  head_bytes_ = fields_ = 0;
  if (!head_done_) head_ = {};
}

bool RequestStream::status(std::string_view value) noexcept {
  int code = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), code);
  head_.status = code;
  return error == std::errc() && end == value.data() + value.size() && code >= 100 && code < 600;
}

bool RequestStream::field(std::string_view name, std::string_view value) {
  if (failure_) return false;
  head_bytes_ += 32 + name.size() + value.size();
  if (head_done_) {
    const TrailerFate fate = trailer_fate(header_id(name));
    if (head_bytes_ > http1::ChunkedDecoder::kMaxTrailerBytes || fate == TrailerFate::kForbidden) {
      malformed("a trailer that must not be one, or too many of them");
      return false;
    }
    if (fate == TrailerFate::kKept && trailers_.size() < http1::ChunkedDecoder::kMaxTrailers)
      trailers_.add(name, value);
    return true;
  }
  if (head_bytes_ > connection_.limits_.head.max_head_bytes ||
      ++fields_ > connection_.limits_.head.max_headers + 1) {
    malformed("the answer's head is too long");
    return false;
  }
  if (name == ":status") return status(value);
  if (header_id(name) == HeaderId::kContentLength) {
    std::uint64_t length = 0;
    // The session has checked that it is a number.
    std::from_chars(value.data(), value.data() + value.size(), length);
    head_.content_length = length;
    return true;
  }
  if (head_.headers.empty()) head_.headers.reserve(kExpectedFields, kExpectedBytes);
  head_.headers.add(name, value);
  return true;
}

void RequestStream::head_ends() {
  if (head_done_ || failure_) return;
  if (head_.status < 200) {
    if (++interim_ > kMaxInterim) malformed("too many interim answers");
    return;
  }
  head_done_ = true;
  arrived_.notify_all();
}

void RequestStream::content(std::string_view bytes) {
  if (failure_) return;
  arriving_.append(bytes);
  arrived_.notify_all();
}

void RequestStream::ends() {
  if (failure_) return;
  ended_ = true;
  connection_.used_ = true;
  arrived_.notify_all();
}

void RequestStream::malformed(const char* why) {
  connection_.counts_.protocol_errors.add();
  fail_with(ErrorKind::kUpstreamMalformed, why, Retriable::kNever);
  (void)nghttp2_submit_rst_stream(connection_.session_.get(), NGHTTP2_FLAG_NONE, id_, NGHTTP2_PROTOCOL_ERROR);
}

void RequestStream::closed(ErrorCode code) {
  closed_ = true;
  if (request_ended_ && body_.empty()) request_sent_ = true;
  body_.abandon();
  taken_.notify_all();
  if (ended_ || failure_) return;
  if (code == ErrorCode::kRefusedStream) {
    connection_.counts_.refused.add();
    return fail_with(ErrorKind::kUpstreamReset, "the backend did not process the request",
                     answered_ ? Retriable::kNever : Retriable::kAlways);
  }
  // With any other code the work may have been begun, and the connection that could tell still stands
  // (RFC 9113 8.7).
  if (reset_by_peer_) {
    connection_.counts_.resets.add();
    return fail_with(ErrorKind::kUpstreamReset, "the backend reset the stream: " + std::string(name(code)),
                     Retriable::kNever);
  }
  connection_.counts_.protocol_errors.add();
  fail_with(ErrorKind::kUpstreamMalformed, "an answer that breaks RFC 9113: " + std::string(name(code)),
            Retriable::kNever);
}

void RequestStream::connection_lost(ErrorKind kind, const std::string& detail) {
  closed_ = true;
  body_.abandon();
  taken_.notify_all();
  if (ended_) return;
  const bool never = answered_ || kind == ErrorKind::kUpstreamMalformed;
  const Retriable unanswered = reused_ ? Retriable::kReused : Retriable::kAlways;
  fail_with(kind, detail, never ? Retriable::kNever : unanswered);
}

void RequestStream::fail_with(ErrorKind kind, std::string detail, Retriable retriable) {
  if (failure_) return;
  const bool in_body = head_done_ && kind != ErrorKind::kUpstreamTimeout;
  failure_.emplace(in_body ? ErrorKind::kUpstreamCut : kind, std::move(detail), retriable);
  arrived_.notify_all();
  taken_.notify_all();
}

Task<Result<ResponseHead>> RequestStream::read_head(TimePoint deadline, const Room* /*room*/) {
  while (!head_done_) {
    if (failure_) co_return fail(*failure_);
    const bool in_time = co_await arrived_.wait(deadline);
    if (!in_time && !head_done_ && !failure_)
      co_return fail(ErrorKind::kUpstreamTimeout, "the backend did not answer in time");
  }
  co_return std::move(head_);
}

void RequestStream::pause() noexcept {
  give_back(arriving_.give_back());
  arriving_.trim();
}

void RequestStream::give_back(std::size_t bytes) {
  if (bytes == 0 || ended_ || closed_) return;
  (void)nghttp2_session_consume_stream(connection_.session_.get(), id_, bytes);
  connection_.sender_.schedule();
}

Result<BodyPiece> RequestStream::take() {
  const std::string_view piece = arriving_.take();
  return BodyPiece{piece, ended_};
}

Task<Result<BodyPiece>> RequestStream::read(TimePoint deadline, const Room* /*room*/) {
  give_back(arriving_.give_back());
  if (!arriving_.empty()) return take();
  if (ended_) {
    arriving_.clear();
    return Result<BodyPiece>(BodyPiece{{}, true});
  }
  if (failure_) return Result<BodyPiece>(fail(*failure_));
  arriving_.trim();
  return read_slowly(deadline);
}

Task<Result<BodyPiece>> RequestStream::read_slowly(TimePoint deadline) {
  while (arriving_.empty() && !ended_) {
    if (failure_) co_return fail(*failure_);
    const bool in_time = co_await arrived_.wait(deadline);
    if (!in_time && arriving_.empty() && !ended_ && !failure_)
      co_return fail(ErrorKind::kUpstreamTimeout, "the backend's answer stalled");
  }
  co_return take();
}

}  // namespace sluice::http2
