#include "backends/forwarder/upload.h"

#include <utility>

#include "gateway/proxy/forwarding.h"

namespace sluice {

Result<void> Upload::start() {
  const Request& request = *call_.request;
  if (request.live_body == nullptr) return send_whole();
  running_.emplace(loop_, send_live());
  return {};
}

Result<void> Upload::send_whole() {
  const std::string_view body = call_.request->body_bytes();
  std::size_t n = 0;
  std::size_t length = 0;
  call_.splices.for_each_piece(body, [&](std::string_view piece) {
    if (n < pieces_.size()) pieces_[n] = piece;
    ++n;
    length += piece.size();
  });
  if (n > pieces_.size()) {
    edited_ = call_.splices.apply(body);
    pieces_[0] = edited_;
    n = 1;
  }
  const auto stall = call_.timeouts->first_content;
  Task<Result<void>> sending =
      upstream_.send(call_.request->upstream_head, length, std::span(pieces_).first(n), true, stall,
                     &call_.request->trailers);
  if (sending.await_ready()) return sending.await_resume();
  running_.emplace(loop_, std::move(sending));
  return {};
}

Task<Result<void>> Upload::send_live() {
  const auto stall = call_.timeouts->first_content;
  Result<void> sent =
      co_await upstream_.send(call_.request->upstream_head, call_.request->length, {}, false, stall);
  while (sent) {
    Result<BodyPiece> piece = co_await call_.request->live_body->read();
    if (!piece) {
      // Half a request must not look like a whole one to the backend.
      upstream_.abort();
      co_return fail(std::move(piece.error()));
    }
    call_.record->request_bytes += piece->bytes.size();
    const bool last = piece->last;
    Headers trailers;
    if (const Headers* sent_by_client = last ? call_.request->live_body->trailers() : nullptr)
      trailers = upstream_trailers(*sent_by_client);
    sent = co_await upstream_.send_body(piece->bytes, last, stall, &trailers);
    if (last) break;
  }
  // The last piece is sent: reading on lets the codec give its buffer back for the minutes of the answer.
  if (sent) (void)co_await call_.request->live_body->read();
  co_return sent;
}

std::optional<Error> Upload::client_error() const {
  if (!running_ || !running_->result() || running_->result()->has_value()) return std::nullopt;
  const Error& error = running_->result()->error();
  if (error.fault() != Fault::kDownstream) return std::nullopt;
  return error;
}

}  // namespace sluice
