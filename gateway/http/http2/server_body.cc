#include "gateway/http/http2/server_body.h"

#include <nghttp2/nghttp2.h>

#include <utility>

#include "gateway/http/http1/chunked_decoder.h"
#include "gateway/http/http2/message_heads.h"
#include "gateway/http/http2/server_stream.h"
#include "gateway/http/trailers.h"

namespace sluice::http2 {

ServerConnection::Body::Body(Stream& stream)
    : stream_(stream),
      changed_(stream.connection().loop_),
      arriving_(kStreamWindow),
      limit_(stream.connection().limits_.max_body_bytes) {}

void ServerConnection::Body::expect(std::optional<std::uint64_t> length, bool expects_continue) noexcept {
  // A head that ends the stream says that there is no body.
  length_ = ended_ ? std::optional<std::uint64_t>(0) : length;
  expects_continue_ = expects_continue && !ended_;
}

// The connection's window is the session's caller's to give back: only the stream's is this body's to hold.
void ServerConnection::Body::arrived(std::string_view bytes) {
  if (discarding_) return give_back(bytes.size());
  received_ += bytes.size();
  if (failed_) return;  // the window stays shut
  arriving_.append(bytes);
  changed_.notify_all();
}

bool ServerConnection::Body::trailer(std::string_view name, std::string_view value) {
  trailer_bytes_ += 32 + name.size() + value.size();
  if (trailer_bytes_ > http1::ChunkedDecoder::kMaxTrailerBytes) return false;
  const TrailerFate fate = trailer_fate(header_id(name));
  if (fate == TrailerFate::kKept) {
    if (!trailers_) trailers_ = make_pooled<Headers>();
    if (trailers_->size() < http1::ChunkedDecoder::kMaxTrailers) trailers_->add(name, value);
  }
  return fate != TrailerFate::kForbidden;
}

void ServerConnection::Body::ended() {
  ended_ = true;
  changed_.notify_all();
}

void ServerConnection::Body::discard() {
  if (std::exchange(discarding_, true)) return;
  give_back(arriving_.held());
  arriving_.clear();
}

void ServerConnection::Body::give_back(std::size_t bytes) {
  if (bytes == 0 || ended_ || stream_.closed()) return;
  ServerConnection& connection = stream_.connection();
  nghttp2_session_consume_stream(connection.session_.get(), stream_.id(), bytes);
  connection.sender_.schedule();
}

std::unexpected<Error> ServerConnection::Body::failure(ErrorKind kind, const char* detail) {
  failed_ = true;
  arriving_.clear();
  return fail(kind, detail);
}

TimePoint ServerConnection::Body::wait_until() const noexcept {
  const ServerLimits& limits = stream_.connection().limits_;
  const TimePoint now = stream_.connection().loop_.now();
  if (limits.min_body_rate == 0) return now + limits.idle_timeout;
  const Duration earned = std::chrono::seconds(1) * received_ / limits.min_body_rate;
  return now + limits.body_grace + earned - waited_;
}

Result<BodyPiece> ServerConnection::Body::take() {
  if (received_ > limit_) return failure(ErrorKind::kBodyTooLarge, "the body is longer than max_body_bytes");
  const std::string_view piece = arriving_.take();
  return BodyPiece{piece, ended_};
}

Task<Result<BodyPiece>> ServerConnection::Body::read() {
  if (failed_) return Result<BodyPiece>(fail(ErrorKind::kMalformedRequest, "the body broke off before"));
  give_back(arriving_.give_back());
  if (ended_ && arriving_.empty()) {
    // The last piece is no longer borrowed: nothing is held while the answer takes its time.
    arriving_.clear();
    return Result<BodyPiece>(BodyPiece{{}, true});
  }
  if (length_ && *length_ > limit_)
    return Result<BodyPiece>(failure(ErrorKind::kBodyTooLarge, "the body is longer than max_body_bytes"));
  if (!arriving_.empty()) return take();
  arriving_.trim();
  return read_slowly();
}

Task<Result<BodyPiece>> ServerConnection::Body::read_slowly() {
  ServerConnection& connection = stream_.connection();
  if (std::exchange(expects_continue_, false)) {
    (void)submit_interim(*connection.session_, stream_.id(), 100);
    connection.sender_.schedule();
  }
  while (arriving_.empty() && !ended_) {
    const TimePoint began = connection.loop_.now();
    const bool in_time = co_await changed_.wait(wait_until());
    waited_ += connection.loop_.now() - began;
    if (!in_time)
      co_return failure(ErrorKind::kRequestTimeout, "the body arrives more slowly than min_body_rate");
  }
  co_return take();
}

}  // namespace sluice::http2
