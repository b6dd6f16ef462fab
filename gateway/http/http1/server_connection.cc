#include "gateway/http/http1/server_connection.h"

#include <optional>
#include <utility>

#include "gateway/http/hop_by_hop.h"
#include "gateway/http/http1/server_body.h"
#include "gateway/http/http1/server_writer.h"

namespace sluice::http1 {
namespace {

// How long and how much a closing connection drains so that its last answer is not lost to a reset.
constexpr Duration kLingerTime = std::chrono::seconds(2);
constexpr std::size_t kLingerBytes = 1024 * 1024;

Result<bool> expects_continue(const Headers& headers, bool is_http10) {
  if (!headers.has(HeaderId::kExpect)) return false;
  if (!equals_ignoring_case(headers.get(HeaderId::kExpect), "100-continue")) {
    return fail(ErrorKind::kExpectationFailed, "only Expect: 100-continue is known here");
  }
  // RFC 9110 10.1.1: a server MUST ignore it from an HTTP/1.0 client.
  return !is_http10;
}

bool wants_keep_alive(const Headers& headers, bool is_http10) {
  if (has_connection_option(headers, "close")) return false;
  return !is_http10 || has_connection_option(headers, "keep-alive");
}

}  // namespace

ServerConnection::ServerConnection(std::unique_ptr<Transport> transport, const ServerLimits& limits,
                                   StreamHandler& handler, ReceivedBytes received)
    : transport_(std::move(transport)),
      limits_(limits),
      handler_(handler),
      begun_(received.begun),
      input_(*transport_, std::move(received)) {
  transport_->set_hangup_listener(this);
}

ServerConnection::~ServerConnection() = default;

void ServerConnection::on_hangup() {
  cancel();
}

void ServerConnection::cancel() noexcept {
  if (work_ != nullptr) work_->cancel();
}

void ServerConnection::drain() {
  draining_ = true;
  if (used_) end_idle();
}

void ServerConnection::end_idle() {
  // Closing wakes the wait for the next request.
  if (waiting_for_request_) transport_->close();
}

Task<void> ServerConnection::run() {
  Next next = Next::kKeepAlive;
  while (next == Next::kKeepAlive) {
    if (input_.empty()) {
      waiting_for_request_ = true;
      const InputBuffer::Fill fill = co_await input_.fill(transport_->loop().now() + limits_.idle_timeout);
      waiting_for_request_ = false;
      if (fill != InputBuffer::Fill::kMore) break;
    }
    next = co_await serve_one();
    used_ = true;
    input_.release_if_empty();
    // drain() came while an answer was under way whose head had already promised to keep alive.
    if (draining_ && next == Next::kKeepAlive) next = Next::kLinger;
  }
  if (next == Next::kLinger) co_await linger();
  if (next == Next::kReset) {
    transport_->reset();
  } else {
    transport_->close();
  }
}

Task<ServerConnection::Next> ServerConnection::serve_one() {
  const TimePoint received_at = std::exchange(begun_, {}).value_or(transport_->loop().now());
  const TimePoint head_deadline = received_at + limits_.head_timeout;
  HeadParser parser(HeadParser::Kind::kRequest, limits_.head);
  std::size_t head_size = 0;
  for (;;) {
    Result<std::optional<std::size_t>> fed = parser.feed(input_.unread());
    if (!fed) co_return co_await refuse(std::move(fed.error()), received_at);
    if (*fed) {
      head_size = **fed;
      break;
    }
    const InputBuffer::Fill fill = co_await input_.fill(head_deadline);
    if (fill == InputBuffer::Fill::kMore) continue;
    if (fill == InputBuffer::Fill::kFull) {
      co_return co_await refuse(Error{ErrorKind::kHeadTooLarge, "the head is longer than max_head_bytes"},
                                received_at);
    }
    if (fill == InputBuffer::Fill::kTimeout) {
      co_return co_await refuse(Error{ErrorKind::kRequestTimeout, "the head took longer than head_timeout"},
                                received_at);
    }
    co_return Next::kClose;
  }

  Result<HeadParser::Request> parsed = parser.request(input_.unread());
  input_.consume(head_size);
  // A request without a body holds no block for the minutes that its answer may take.
  input_.release_if_empty();
  if (!parsed) co_return co_await refuse(std::move(parsed.error()), received_at);
  RequestHead& head = parsed->head;
  Result<Framing> framing = request_framing(head.headers, parsed->is_http10);
  if (!framing) co_return co_await refuse(std::move(framing.error()), received_at);
  Result<bool> expects = expects_continue(head.headers, parsed->is_http10);
  if (!expects) co_return co_await refuse(std::move(expects.error()), received_at);
  co_return co_await become(serve(std::move(*parsed), *framing, *expects, received_at));
}

// In a frame of its own: there is none of what reading the head takes while it is answered.
Task<ServerConnection::Next> ServerConnection::serve(HeadParser::Request request, Framing framing,
                                                     bool expects_continue, TimePoint received_at) {
  RequestHead& head = request.head;
  Body body(*this, framing, expects_continue);
  Writer writer(*this,
                {.is_http10 = request.is_http10,
                 .is_head = head.method == Method::kHead,
                 .keep_alive = wants_keep_alive(head.headers, request.is_http10)},
                &body);
  head.headers.remove(HeaderId::kContentLength);
  head.headers.remove(HeaderId::kExpect);
  remove_hop_by_hop(head.headers);

  ServerStream stream{head,
                      body,
                      writer,
                      transport_->peer(),
                      request.is_http10 ? "HTTP/1.0" : "HTTP/1.1",
                      received_at,
                      this,
                      trusted_proxies(),
                      transport_->tls(),
                      limits_.forward_client_certificate};
  Child<Result<void>> work(transport_->loop(), handler_.serve(stream));
  transport_->watch_for_goodbye();
  // What could be answered without waiting reaches a half-closed client too; upstream work for it does not
  // start.
  if (transport_->hung_up()) work.cancel();
  const WorkScope scope(*this, work);
  const std::optional<Result<void>> outcome = co_await work.join();
  if (!outcome || !*outcome || !writer.finished()) {
    // Cancelled, or failed in the middle of an answer.
    co_return writer.head_sent() && writer.needs_reset() ? Next::kReset : Next::kClose;
  }
  // The client was told to go on only if what is left of its body had arrived; the handler did not want it.
  co_return writer.keeps_alive() && body.skip_rest() ? Next::kKeepAlive : Next::kLinger;
}

Task<ServerConnection::Next> ServerConnection::refuse(Error error, TimePoint received_at) {
  // Its version may be unknown: without a length the answer ends with the connection, never in chunks.
  Writer writer(*this, {.is_http10 = true, .keep_alive = false}, nullptr);
  const Result<void> answered =
      co_await handler_.refuse(RefusedRequest{error, writer, transport_->peer(), received_at});
  co_return answered&& writer.finished() ? Next::kLinger : Next::kClose;
}

Task<void> ServerConnection::linger() {
  transport_->shutdown_write();
  const TimePoint deadline = transport_->loop().now() + kLingerTime;
  std::size_t drained = 0;
  while (drained < kLingerBytes) {
    drained += input_.unread_size();
    input_.consume(input_.unread_size());
    const InputBuffer::Fill fill = co_await input_.fill(deadline);
    if (fill != InputBuffer::Fill::kMore) break;
  }
}

}  // namespace sluice::http1
