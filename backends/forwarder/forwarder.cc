#include "backends/forwarder/forwarder.h"

#include <utility>

#include "backends/forwarder/upload.h"

namespace sluice {
namespace {

// Keeps the record's state true while a connection is got, and knows whether a failure was the connect's.
class Connecting final : public UpstreamPool::Observer {
 public:
  Connecting(Loop& loop, ExchangeRecord& record, TimePoint now) noexcept : loop_(loop), record_(record) {
    record_.state = ExchangeState::kQueued;
    record_.last_attempt = {.queued_at = now};
  }
  void on_connecting() noexcept override {
    record_.state = ExchangeState::kConnecting;
    record_.last_attempt.connecting_at = loop_.now();
    began_ = true;
  }
  bool began() const noexcept { return began_; }

 private:
  Loop& loop_;
  ExchangeRecord& record_;
  bool began_ = false;
};

}  // namespace

Task<Result<void>> Forwarder::handle(Call& call, ResponseWriter& out, CallNext) {
  UpstreamCluster& cluster = *call.target;
  PickRequest request{.tried = call.tried};
  if (call.tags != nullptr) request.tags = *call.tags;
  const std::string& client = call.record->client.empty() ? call.record->peer : call.record->client;
  request.key = cluster.key_of(*call.request, client);
  const Result<std::shared_ptr<const ClusterEndpoint>> picked = cluster.pick(request);
  if (!picked) co_return fail(picked.error());
  const ClusterEndpoint& endpoint = **picked;
  PickTicket ticket(*endpoint.state);
  ExchangeRecord& record = *call.record;
  record.endpoint = endpoint.state->name;
  ++record.attempts;

  const TimePoint began = loop_.now();
  const TimePoint first_content = began + call.timeouts->first_content;
  Connecting connecting(loop_, record, began);
  Result<UpstreamPool::Lease> lease =
      co_await endpoint.pool->acquire(call.timeouts->connect, first_content, connecting);
  if (!lease) {
    if (connecting.began()) {
      endpoint.state->avoid(loop_.now() + UpstreamCluster::kAvoidAfterConnectFailure);
      endpoint.state->failures.fetch_add(1, std::memory_order_relaxed);
      call.tried.push_back(endpoint.state);
    }
    co_return fail(std::move(lease.error()));
  }

  record.state = ExchangeState::kWaiting;
  record.last_attempt.waiting_at = loop_.now();
  Result<void> relayed = co_await relay(call, lease->stream(), out, first_content);
  // What was relayed as it arrived is gone: only the client could send it again.
  if (!relayed && call.request->live_body != nullptr) relayed.error().retriable = Retriable::kNever;
  if (!relayed && relayed.error().fault() == Fault::kUpstream) {
    call.tried.push_back(endpoint.state);
    if (relayed.error().retriable == Retriable::kReused) {
      // A kept-alive connection that was closed under the request is not held against the endpoint. The other
      // idle ones are as old, and a backend that ends ends them all: the next attempt connects afresh.
      endpoint.pool->close_idle();
    } else {
      endpoint.state->failures.fetch_add(1, std::memory_order_relaxed);
    }
  }
  co_return relayed;
}

Task<Result<void>> Forwarder::relay(Call& call, ClientStream& upstream, ResponseWriter& out,
                                    TimePoint first_content) {
  Upload upload(loop_, call, upstream);
  const Result<void> sent = upload.start();
  Result<ResponseHead> head = co_await upstream.read_head(first_content);
  if (!head) {
    if (auto error = upload.client_error()) co_return fail(std::move(*error));
    co_return fail(std::move(head.error()));
  }
  // A stream of events says 200 before its first token: its head waits for that token, so that a failure
  // until then is still an answer of its own. Any other head goes out when the body keeps it waiting.
  bool held = head->headers.get(HeaderId::kContentType).starts_with("text/event-stream");
  if (!held) {
    Result<void> started = co_await out.start(std::move(*head));
    if (!started) co_return started;
  }

  TimePoint deadline = first_content;
  for (;;) {
    if (!held && !upstream.has_buffered()) {
      Result<void> flushed = co_await out.flush();
      if (!flushed) co_return flushed;
    }
    Result<BodyPiece> piece = co_await upstream.read(deadline);
    if (!piece) {
      if (auto error = upload.client_error()) co_return fail(std::move(*error));
      // Nothing of the answer but a promise: the client has seen none of it, another endpoint may give one.
      if (held && piece.error().kind == ErrorKind::kUpstreamCut) piece.error().retriable = Retriable::kAlways;
      co_return fail(std::move(piece.error()));
    }
    if (std::exchange(call.record->state, ExchangeState::kStreaming) != ExchangeState::kStreaming)
      call.record->last_attempt.streaming_at = loop_.now();
    if (std::exchange(held, false)) {
      Result<void> started = co_await out.start(std::move(*head));
      if (!started) co_return started;
    }
    if (piece->last) co_return co_await out.finish(piece->bytes, upstream.trailers());
    Result<void> written = co_await out.write(piece->bytes);
    if (!written) co_return written;
    deadline = loop_.now() + call.timeouts->between_tokens;
  }
}

}  // namespace sluice
