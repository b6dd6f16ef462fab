#include "backends/forwarder/upload.h"

#include <array>
#include <utility>

#include "gateway/base/free_memory.h"
#include "gateway/proxy/forwarding.h"

namespace sluice {

PooledPtr<Upload> Upload::begin(Loop& loop, const Call& call, ClientStream& upstream) {
  auto upload = make_pooled<Upload>(loop, call, upstream);
  upload->start();
  const auto& running = upload->running_;
  const bool sent = !running || (running->finished() && running->result()->has_value());
  return sent ? nullptr : std::move(upload);
}

void Upload::start() {
  if (request_->live_body == nullptr) return send_whole();
  running_.emplace(loop_, send_live());
}

void Upload::send_whole() {
  const std::string_view body = request_->body_bytes();
  std::array<std::string_view, ClientStream::kMaxPieces> pieces;
  std::size_t n = 0;
  std::size_t length = 0;
  call_.splices.for_each_piece(body, [&](std::string_view piece) {
    if (n < pieces.size()) pieces[n] = piece;
    ++n;
    length += piece.size();
  });
  if (n > pieces.size()) {
    edited_ = call_.splices.apply(body);
    pieces[0] = edited_;
    n = 1;
  }
  const auto stall = call_.timeouts->first_content;
  Task<Result<void>> sending = upstream_.send(request_->upstream_head, length, std::span(pieces).first(n),
                                              true, stall, &request_->trailers);
  if (!sending.await_ready()) running_.emplace(loop_, finish(std::move(sending)));
}

Task<Result<void>> Upload::finish(Task<Result<void>> sending) {
  Result<void> sent = co_await sending;
  request_.reset();
  free_memory(edited_);
  co_return sent;
}

Task<Result<void>> Upload::send_live() {
  const auto stall = call_.timeouts->first_content;
  Result<void> sent = co_await upstream_.send(request_->upstream_head, request_->length, {}, false, stall);
  BodyReader& body = *request_->live_body;
  request_.reset();
  while (sent) {
    Result<BodyPiece> piece = co_await body.read();
    if (!piece) {
      // Half a request must not look like a whole one to the backend.
      upstream_.abort();
      co_return fail(std::move(piece.error()));
    }
    call_.record->request_bytes += piece->bytes.size();
    const bool last = piece->last;
    Headers trailers;
    if (const Headers* sent_by_client = last ? body.trailers() : nullptr)
      trailers = upstream_trailers(*sent_by_client);
    sent = co_await upstream_.send_body(piece->bytes, last, stall, &trailers);
    if (last) break;
  }
  // The last piece is sent: reading on lets the codec give its buffer back for the minutes of the answer.
  if (sent) (void)co_await body.read();
  co_return sent;
}

std::optional<Error> Upload::client_error() const {
  if (!running_ || !running_->result() || running_->result()->has_value()) return std::nullopt;
  const Error& error = running_->result()->error();
  if (error.fault() != Fault::kDownstream) return std::nullopt;
  return error;
}

}  // namespace sluice
