#include "gateway/http/http1/server_body.h"

#include <algorithm>

#include "gateway/http/http1/output.h"

namespace sluice::http1 {

ServerConnection::Body::Body(ServerConnection& connection, const Framing& framing, bool expects_continue)
    : connection_(connection),
      framing_(framing),
      limit_(connection.limits_.max_body_bytes),
      expects_continue_(expects_continue),
      finished_(framing.kind == Framing::Kind::kNone ||
                (framing.kind == Framing::Kind::kLength && framing.length == 0)) {
  if (framing.kind == Framing::Kind::kChunked)
    decoder_ = make_pooled<ChunkedDecoder>(ErrorKind::kMalformedRequest);
}

std::optional<std::uint64_t> ServerConnection::Body::length() const noexcept {
  if (framing_.kind == Framing::Kind::kChunked) return std::nullopt;
  return framing_.length;
}

std::unexpected<Error> ServerConnection::Body::failure(ErrorKind kind, const char* detail) {
  failed_ = true;
  return fail(kind, detail);
}

Result<BodyPiece> ServerConnection::Body::take_buffered() {
  InputBuffer& input = connection_.input_;
  std::string_view content;
  if (framing_.kind == Framing::Kind::kLength) {
    content = input.unread().substr(0, static_cast<std::size_t>(std::min<std::uint64_t>(
                                           framing_.length - received_, input.unread_size())));
    input.consume(content.size());
  } else {
    Result<ChunkedDecoder::Step> step = decoder_->decode(input.unread_data(), input.unread_size());
    if (!step) {
      failed_ = true;
      return fail(std::move(step.error()));
    }
    input.consume(step->consumed);
    content = step->content;
    finished_ = step->finished;
  }
  received_ += content.size();
  if (received_ > limit_) {
    return failure(ErrorKind::kBodyTooLarge, "the body is longer than max_body_bytes");
  }
  if (framing_.kind == Framing::Kind::kLength) finished_ = received_ == framing_.length;
  return BodyPiece{content, finished_};
}

TimePoint ServerConnection::Body::wait_until() const noexcept {
  const ServerLimits& limits = connection_.limits_;
  const TimePoint now = connection_.transport_->loop().now();
  if (limits.min_body_rate == 0) return now + limits.idle_timeout;
  const Duration earned = std::chrono::seconds(1) * received_ / limits.min_body_rate;
  return now + limits.body_grace + earned - waited_;
}

Task<Result<BodyPiece>> ServerConnection::Body::read() {
  if (failed_) co_return fail(ErrorKind::kMalformedRequest, "the body broke off before");
  // The last piece is no longer borrowed: nothing is held while the answer takes its time.
  if (finished_) connection_.input_.release_if_empty();
  if (!finished_ && framing_.kind == Framing::Kind::kLength && framing_.length > limit_) {
    co_return failure(ErrorKind::kBodyTooLarge, "the body is longer than max_body_bytes");
  }
  while (!finished_) {
    if (!connection_.input_.empty()) {
      Result<BodyPiece> piece = take_buffered();
      if (!piece || piece->last || !piece->bytes.empty()) co_return piece;
    }
    if (expects_continue_) {
      expects_continue_ = false;
      const std::string_view interim[] = {"HTTP/1.1 100 Continue\r\n\r\n"};
      const Sent sent =
          co_await send_all(*connection_.transport_, interim, connection_.limits_.write_timeout);
      if (sent != Sent::kAll)
        co_return failure(ErrorKind::kClientGone, "the client left before it sent its body");
    }
    const TimePoint began = connection_.transport_->loop().now();
    const InputBuffer::Fill fill = co_await connection_.input_.fill(wait_until());
    waited_ += connection_.transport_->loop().now() - began;
    if (fill == InputBuffer::Fill::kTimeout) {
      co_return failure(ErrorKind::kRequestTimeout, "the body arrives more slowly than min_body_rate");
    }
    if (fill != InputBuffer::Fill::kMore) {
      co_return failure(ErrorKind::kClientGone, "the client left while it sent its body");
    }
  }
  co_return BodyPiece{{}, true};
}

bool ServerConnection::Body::fully_received() const noexcept {
  if (failed_) return false;
  if (finished_) return true;
  return framing_.kind == Framing::Kind::kLength && framing_.length <= limit_ &&
         framing_.length - received_ <= connection_.input_.unread_size();
}

bool ServerConnection::Body::skip_rest() {
  if (!finished_ && fully_received()) (void)take_buffered();
  return finished_ && !failed_;
}

}  // namespace sluice::http1
