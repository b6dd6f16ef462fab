#include "gateway/http/http1/server_writer.h"

#include <array>
#include <cassert>
#include <charconv>
#include <utility>

#include "gateway/base/free_memory.h"
#include "gateway/http/http1/head_text.h"
#include "gateway/http/http1/server_body.h"
#include "gateway/http/http_date.h"

namespace sluice::http1 {
namespace {

// Of the status line and the fields that are added.
constexpr std::size_t kHeadRoom = 256;

}  // namespace

Task<Result<void>> ServerConnection::Writer::start(ResponseHead head) {
  assert(state_ == State::kIdle && "at most one start reaches the client");
  state_ = State::kStarted;
  const bool bodyless = request_.is_head || status_has_no_body(head.status);
  // A request body still on its way when the answer begins would sit in front of the next request.
  if (body_ == nullptr || !body_->fully_received() || connection_.draining_) request_.keep_alive = false;
  if (body_ != nullptr) body_->answer_started();
  if (bodyless) {
    mode_ = Mode::kNoBody;
  } else if (head.content_length) {
    mode_ = Mode::kLength;
    length_ = *head.content_length;
  } else if (!request_.is_http10) {
    mode_ = Mode::kChunked;
  } else {
    mode_ = Mode::kUntilClose;
    request_.keep_alive = false;
  }

  head_.resize_and_overwrite(kHeadRoom + head.headers.line_bytes(), [&](char* text, std::size_t) {
    char* at = put_number(put(text, "HTTP/1.1 "), static_cast<std::uint64_t>(head.status));
    at = put(put(put(at, " "), reason_phrase(head.status)), "\r\n");
    at = head.headers.write_lines(at);
    if (!head.headers.has(HeaderId::kDate)) {
      const HttpDate now(connection_.transport_->loop().time().wall());
      at = put(put(put(at, "date: "), now.view()), "\r\n");
    }
    // RFC 9110 8.6: no Content-Length in 1xx and 204; to HEAD and in 304 it tells what GET would have sent.
    if (head.content_length && head.status != 204 && head.status >= 200)
      at = put(put_number(put(at, "content-length: "), *head.content_length), "\r\n");
    if (mode_ == Mode::kChunked) at = put(at, "transfer-encoding: chunked\r\n");
    if (!request_.keep_alive) {
      at = put(at, "connection: close\r\n");
    } else if (request_.is_http10) {
      at = put(at, "connection: keep-alive\r\n");
    }
    at = put(at, "\r\n");
    return static_cast<std::size_t>(at - text);
  });
  return Result<void>();
}

Duration ServerConnection::Writer::client_stalled() const noexcept {
  return stall_.total(connection_.transport_->loop().now());
}

Result<void> ServerConnection::Writer::sent(Sent outcome) {
  free_memory(head_);
  if (outcome == Sent::kAll) return {};
  state_ = State::kBroken;
  stalled_ = outcome == Sent::kTimeout;
  return fail(ErrorKind::kClientGone, outcome == Sent::kTimeout ? "the client takes no bytes (write_timeout)"
                                                                : "the client left during the answer");
}

Task<Result<void>> ServerConnection::Writer::send_slowly(Task<Sent> sending) {
  // A write that is given up half way, when a deadline cancels it, leaves a torn chunk: nothing may follow.
  const State state = std::exchange(state_, State::kBroken);
  Loop& loop = connection_.transport_->loop();
  stall_.begin(loop.now());
  const Sent outcome = co_await sending;
  stall_.end(loop.now());
  state_ = state;
  co_return sent(outcome);
}

Task<Result<void>> ServerConnection::Writer::send(std::string_view bytes, std::string_view end) {
  std::array<std::string_view, 5> pieces;
  std::size_t n = 0;
  if (!head_.empty()) pieces[n++] = head_;
  if (!bytes.empty() && mode_ == Mode::kChunked) {
    char* size_end = std::to_chars(chunk_size_, chunk_size_ + sizeof chunk_size_ - 2, bytes.size(), 16).ptr;
    *size_end++ = '\r';
    *size_end++ = '\n';
    pieces[n++] = std::string_view(chunk_size_, size_end);
    pieces[n++] = bytes;
    pieces[n++] = end.empty() ? std::string_view("\r\n") : end;
  } else {
    if (!bytes.empty()) pieces[n++] = bytes;
    if (!end.empty()) pieces[n++] = end;
  }
  Task<Sent> sending =
      send_all(*connection_.transport_, std::span(pieces).first(n), connection_.limits_.write_timeout);
  if (sending.await_ready()) return sent(sending.await_resume());
  return send_slowly(std::move(sending));
}

Task<Result<void>> ServerConnection::Writer::flush() {
  if (head_.empty() || state_ != State::kStarted) return Result<void>();
  return send({}, {});
}

Task<Result<void>> ServerConnection::Writer::write(std::string_view bytes) {
  assert(state_ != State::kIdle);
  if (state_ == State::kBroken) return Result<void>(fail(ErrorKind::kClientGone, "the client left"));
  if (bytes.empty() || mode_ == Mode::kNoBody) return Result<void>();
  content_bytes_ += bytes.size();
  if (mode_ == Mode::kLength && content_bytes_ > length_) {
    state_ = State::kBroken;
    return Result<void>(fail(ErrorKind::kInternal, "more content than content-length"));
  }
  return send(bytes, {});
}

Task<Result<void>> ServerConnection::Writer::finish(std::string_view bytes, const Headers* trailers) {
  assert(state_ != State::kIdle);
  if (state_ == State::kBroken) return Result<void>(fail(ErrorKind::kClientGone, "the client left"));
  if (mode_ == Mode::kNoBody) bytes = {};
  content_bytes_ += bytes.size();
  if (mode_ == Mode::kLength && content_bytes_ != length_) {
    // Finishing short or long would make the next answer part of this one.
    state_ = State::kBroken;
    return Result<void>(fail(ErrorKind::kInternal, "the content does not have content-length bytes"));
  }
  state_ = State::kFinished;
  if (mode_ == Mode::kChunked) {
    if (!bytes.empty()) end_ = "\r\n";
    end_ += "0\r\n";
    if (trailers != nullptr) trailers->append_to(end_);
    end_ += "\r\n";
  }
  if (bytes.empty() && end_.empty() && head_.empty()) return Result<void>();
  return send(bytes, end_);
}

}  // namespace sluice::http1
