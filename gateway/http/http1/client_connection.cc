#include "gateway/http/http1/client_connection.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <charconv>
#include <utility>

#include "gateway/base/free_memory.h"
#include "gateway/http/hop_by_hop.h"
#include "gateway/http/http1/head_text.h"

namespace sluice::http1 {
namespace {

// Interim answers before the final one; more is a backend gone wrong.
constexpr int kMaxInterim = 8;

}  // namespace

ClientConnection::ClientConnection(std::unique_ptr<Transport> transport, const HeadLimits& limits)
    : transport_(std::move(transport)), limits_(limits), input_(*transport_) {}

void ClientConnection::reset() noexcept {
  input_.release_if_empty();
  reused_ = true;
  idle_since_turn_ = transport_->loop().turn();
  to_head_ = chunked_request_ = request_sent_ = answered_ = keep_alive_ = finished_ = false;
  framing_ = {};
  received_ = unsent_ = 0;
  interim_ = 0;
  decoder_.reset();
}

bool ClientConnection::reusable() const noexcept {
  if (!finished_ || !request_sent_ || !keep_alive_) return false;
  // Bytes behind the answer belong to nobody's request: the next client must not get them.
  return !transport_->may_have_more() ? input_.empty() : silent();
}

bool ClientConnection::silent() const noexcept {
  char unasked = 0;
  return input_.empty() && transport_->try_read({&unasked, 1}).status == IoResult::Status::kWouldBlock;
}

// What the poller tells of in the turn in which the request was sent had come before it, and is no answer.
// Unless the connection was in use in this turn: then the poller may have meant the answer before.
bool ClientConnection::answered_too_early() const noexcept {
  return reused_ && transport_->loop().turn() == sent_turn_ && idle_since_turn_ != sent_turn_;
}

std::unexpected<Error> ClientConnection::lost(const char* while_what) {
  const Retriable retriable =
      answered_ ? Retriable::kNever : (reused_ ? Retriable::kReused : Retriable::kAlways);
  return fail(ErrorKind::kUpstreamReset, std::string("the backend closed the connection ") + while_what,
              retriable);
}

void ClientConnection::serialize(const RequestHead& head, std::optional<std::uint64_t> length,
                                 bool has_body) {
  // Of method, version, the names of fields that are added, and their line ends.
  constexpr std::size_t kRoom = 128;
  const std::string_view method = name(head.method);
  const std::string_view path = head.path();
  const std::string_view query = head.query();
  const std::string_view authority = head.authority();
  const std::size_t room = kRoom + path.size() + query.size() + authority.size() + head.headers.line_bytes();
  out_.resize_and_overwrite(room, [&](char* text, std::size_t) {
    char* at = put(put(text, method), " ");
    at = put(put(put(at, path), query), " HTTP/1.1\r\nhost: ");
    at = put(put(at, authority), "\r\n");
    at = head.headers.write_lines(at);
    if (chunked_request_) {
      at = put(at, "transfer-encoding: chunked\r\n");
    } else if (has_body || head.method == Method::kPost || head.method == Method::kPut ||
               head.method == Method::kPatch) {
      // RFC 9110 8.6: a method that anticipates content says so even when there is none.
      at = put(put_number(put(at, "content-length: "), length.value_or(0)), "\r\n");
    }
    at = put(at, "\r\n");
    return static_cast<std::size_t>(at - text);
  });
}

// A body longer or shorter than its Content-Length would move the border of the next request.
Result<void> ClientConnection::account(std::uint64_t bytes, bool last) {
  if (chunked_request_) return {};
  if (bytes > unsent_ || (last && bytes != unsent_)) {
    return fail(ErrorKind::kInternal, "the request's body does not have the length that its head told");
  }
  unsent_ -= bytes;
  return {};
}

Result<void> ClientConnection::sent(Sent outcome, bool last) {
  switch (outcome) {
    case Sent::kAll:
      request_sent_ = last;
      free_memory(out_);
      return {};
    case Sent::kBroken:
      return lost("while the request was being sent");
    case Sent::kTimeout:
      break;
  }
  return fail(ErrorKind::kUpstreamTimeout, "the backend takes no bytes of the request");
}

Task<Result<void>> ClientConnection::send_slowly(Task<Sent> sending, bool last) {
  const Sent outcome = co_await sending;
  co_return sent(outcome, last);
}

Task<Result<void>> ClientConnection::send_pieces(std::span<const std::string_view> pieces, bool last,
                                                 Duration stall) {
  Task<Sent> sending = send_all(*transport_, pieces, stall);
  if (sending.await_ready()) return sent(sending.await_resume(), last);
  return send_slowly(std::move(sending), last);
}

Task<Result<void>> ClientConnection::send(const RequestHead& head, std::optional<std::uint64_t> length,
                                          std::span<const std::string_view> body, bool last, Duration stall,
                                          const Headers* /*trailers*/) {
  assert(body.size() <= kMaxPieces);
  sent_turn_ = transport_->loop().turn();
  std::uint64_t size = 0;
  for (const std::string_view piece : body)
    size += piece.size();
  to_head_ = head.method == Method::kHead;
  chunked_request_ = !last && !length;
  unsent_ = last ? size : length.value_or(0);
  if (auto ok = account(size, last); !ok) return ok;
  serialize(head, last ? size : length, size != 0 || !last);
  std::array<std::string_view, kMaxPieces + 3> pieces;
  std::size_t n = 0;
  if (chunked_request_ && size != 0) {
    char digits[20];
    out_.append(digits, std::to_chars(digits, digits + 20, size, 16).ptr).append("\r\n");
  }
  pieces[n++] = out_;
  for (const std::string_view piece : body)
    pieces[n++] = piece;
  if (chunked_request_ && size != 0) pieces[n++] = "\r\n";
  return send_pieces(std::span(pieces).first(n), last, stall);
}

Task<Result<void>> ClientConnection::send_body(std::string_view bytes, bool last, Duration stall,
                                               const Headers* /*trailers*/) {
  if (auto ok = account(bytes.size(), last); !ok) return ok;
  std::array<std::string_view, 4> pieces;
  std::size_t n = 0;
  if (!chunked_request_) {
    pieces[n++] = bytes;
  } else {
    if (!bytes.empty()) {
      char digits[20];
      out_.assign(digits, std::to_chars(digits, digits + 20, bytes.size(), 16).ptr).append("\r\n");
      pieces[n++] = out_;
      pieces[n++] = bytes;
      pieces[n++] = "\r\n";
    }
    if (last) pieces[n++] = "0\r\n\r\n";
  }
  return send_pieces(std::span(pieces).first(n), last, stall);
}

Task<Result<ResponseHead>> ClientConnection::read_head(TimePoint deadline, const Room* room) {
  std::unique_ptr<HeadParser> incomplete;
  for (;;) {
    if (std::optional<Result<ResponseHead>> head = take_head(incomplete)) co_return std::move(*head);
    const InputBuffer::Fill fill = co_await input_.fill(deadline, room);
    if (Result<void> more = filled(fill); !more) co_return fail(std::move(more.error()));
  }
}

Result<void> ClientConnection::filled(InputBuffer::Fill fill) {
  switch (fill) {
    case InputBuffer::Fill::kMore:
      if (!answered_ && answered_too_early()) return lost("with bytes that nobody asked for");
      answered_ = true;
      return {};
    case InputBuffer::Fill::kFull:
      return fail(ErrorKind::kUpstreamMalformed, "the answer's head is too long");
    case InputBuffer::Fill::kTimeout:
      return fail(ErrorKind::kUpstreamTimeout, "the backend did not answer in time");
    case InputBuffer::Fill::kEnd:
    case InputBuffer::Fill::kBroken:
      break;
  }
  return lost(answered_ ? "in its answer's head" : "without an answer");
}

// Nothing while the final head is not here. A head comes in one piece but for a few: only then is the parser
// kept, which all others need no memory for while they wait.
std::optional<Result<ResponseHead>> ClientConnection::take_head(std::unique_ptr<HeadParser>& incomplete) {
  while (!input_.empty()) {
    HeadParser fresh(HeadParser::Kind::kResponse, limits_);
    HeadParser& parser = incomplete ? *incomplete : fresh;
    Result<std::optional<std::size_t>> size = parser.feed(input_.unread());
    if (!size) return fail(std::move(size.error()));
    if (!*size) {
      if (!incomplete) incomplete = std::make_unique<HeadParser>(std::move(fresh));
      return std::nullopt;
    }
    Result<HeadParser::Response> response = parser.response(input_.unread());
    if (!response) return fail(std::move(response.error()));
    if (response->head.status >= 200) {
      if (auto ok = accept_head(*response, **size); !ok) return fail(std::move(ok.error()));
      return std::move(response->head);
    }
    if (response->head.status == 101)
      return fail(ErrorKind::kUpstreamMalformed, "the backend switched protocols unasked");
    if (++interim_ > kMaxInterim) return fail(ErrorKind::kUpstreamMalformed, "too many interim answers");
    input_.consume(**size);
    incomplete.reset();
  }
  return std::nullopt;
}

Result<void> ClientConnection::accept_head(HeadParser::Response& response, std::size_t head_size) {
  Headers& headers = response.head.headers;
  Result<Framing> framing = response_framing(headers, response.head.status, to_head_, response.is_http10);
  if (!framing) return fail(std::move(framing.error()));
  framing_ = *framing;
  keep_alive_ = !has_connection_option(headers, "close") &&
                (!response.is_http10 || has_connection_option(headers, "keep-alive"));
  switch (framing_.kind) {
    case Framing::Kind::kNone:
      if (headers.has(HeaderId::kContentLength)) response.head.content_length = framing_.length;
      finished_ = true;
      break;
    case Framing::Kind::kLength:
      response.head.content_length = framing_.length;
      finished_ = framing_.length == 0;
      break;
    case Framing::Kind::kChunked:
      decoder_.emplace(ErrorKind::kUpstreamMalformed);
      break;
    case Framing::Kind::kUntilClose:
      keep_alive_ = false;
      break;
  }
  headers.remove(HeaderId::kContentLength);
  remove_hop_by_hop(headers);
  input_.consume(head_size);
  return {};
}

Result<BodyPiece> ClientConnection::take_buffered() {
  std::string_view content;
  switch (framing_.kind) {
    case Framing::Kind::kChunked: {
      Result<ChunkedDecoder::Step> step = decoder_->decode(input_.unread_data(), input_.unread_size());
      if (!step) return fail(std::move(step.error()));
      content = step->content;
      finished_ = step->finished;
      input_.consume(step->consumed);
      break;
    }
    case Framing::Kind::kLength:
      content = input_.unread().substr(0, static_cast<std::size_t>(std::min<std::uint64_t>(
                                              framing_.length - received_, input_.unread_size())));
      received_ += content.size();
      finished_ = received_ == framing_.length;
      input_.consume(content.size());
      break;
    case Framing::Kind::kUntilClose:
      content = input_.unread();
      input_.consume(content.size());
      break;
    case Framing::Kind::kNone:
      break;
  }
  return BodyPiece{content, finished_};
}

Task<Result<BodyPiece>> ClientConnection::read(TimePoint deadline, const Room* room) {
  while (!finished_) {
    if (!input_.empty()) {
      Result<BodyPiece> piece = take_buffered();
      if (!piece || piece->last || !piece->bytes.empty()) co_return piece;
    }
    const InputBuffer::Fill fill = co_await input_.fill(deadline, room);
    if (fill == InputBuffer::Fill::kMore) continue;
    if (fill == InputBuffer::Fill::kTimeout) {
      co_return fail(ErrorKind::kUpstreamTimeout, "the backend's answer stalled");
    }
    if (fill == InputBuffer::Fill::kEnd && framing_.kind == Framing::Kind::kUntilClose) {
      finished_ = true;
      break;
    }
    co_return fail(ErrorKind::kUpstreamCut, "the backend closed in the middle of its answer");
  }
  co_return BodyPiece{{}, true};
}

}  // namespace sluice::http1
