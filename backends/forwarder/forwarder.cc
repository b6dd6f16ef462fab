#include "backends/forwarder/forwarder.h"

#include <optional>
#include <utility>

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

// Apart, so that the frame that waits for the answer has no room for what it needs.
[[gnu::noinline]] Result<std::shared_ptr<const ClusterEndpoint>> pick(const Call& call) {
  UpstreamCluster& cluster = *call.target;
  PickRequest request{.tried = call.tried};
  if (call.tags != nullptr) request.tags = *call.tags;
  request.key =
      cluster.key_of(*call.request, call.record->client.empty() ? call.record->peer : call.record->client);
  return cluster.pick(request);
}

// Why there is no answer: the upload's failure, if that is the client's doing.
Error reason(const Upload* upload, Error error) {
  std::optional<Error> clients = upload != nullptr ? upload->client_error() : std::nullopt;
  return clients ? std::move(*clients) : std::move(error);
}

Task<Result<void>> start(Call& call, ResponseWriter& out, ResponseHead& head) {
  call.answered();
  return out.start(std::move(head));
}

}  // namespace

Task<Result<void>> Forwarder::handle(Call& call, ResponseWriter& out, CallNext) {
  const Result<std::shared_ptr<const ClusterEndpoint>> picked = pick(call);
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
  // What is relayed as it arrives is gone: only the client could send it again.
  const bool sent_once = call.request->live_body != nullptr;
  Result<void> relayed = co_await relay(call, lease->stream(), out, first_content);
  if (!relayed && sent_once) relayed.error().retriable = Retriable::kNever;
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
  PooledPtr<Upload> upload = Upload::begin(loop_, call, upstream);
  Result<ResponseHead> head = co_await upstream.read_head(first_content, &out);
  if (!head) co_return fail(reason(upload.get(), std::move(head.error())));
  // A stream of events says 200 before its first token: its head waits for that token, so that a failure
  // until then is still an answer of its own. Any other head goes out when the body keeps it waiting.
  std::optional<BodyPiece> first;
  if (head->headers.get(HeaderId::kContentType).starts_with("text/event-stream")) {
    Result<BodyPiece> piece = co_await upstream.read(first_content, &out);
    if (!piece) {
      // Nothing of the answer but a promise: the client has seen none of it, another endpoint may give one.
      if (piece.error().kind == ErrorKind::kUpstreamCut) piece.error().retriable = Retriable::kAlways;
      co_return fail(reason(upload.get(), std::move(piece.error())));
    }
    first = *piece;
  }
  Result<void> started = co_await start(call, out, *head);
  if (!started) co_return started;
  co_return co_await become(relay_body(call, upstream, out, std::move(upload), first, first_content));
}

// In a frame of its own, which lasts as long as the answer.
Task<Result<void>> Forwarder::relay_body(Call& call, ClientStream& upstream, ResponseWriter& out,
                                         PooledPtr<Upload> upload, std::optional<BodyPiece> next,
                                         TimePoint deadline) {
  for (;;) {
    if (!next) {
      if (!upstream.has_buffered()) {
        Task<Result<void>> flushing = out.flush();
        const bool waits = !flushing.await_ready();
        if (waits) upstream.pause();
        Result<void> flushed = co_await flushing;
        if (!flushed) co_return flushed;
        // The client's time is not the backend's, which may have been held up by it.
        if (waits) deadline = loop_.now() + call.timeouts->between_tokens;
      }
      Result<BodyPiece> piece = co_await upstream.read(deadline, &out);
      if (!piece) co_return fail(reason(upload.get(), std::move(piece.error())));
      next = *piece;
    }
    if (std::exchange(call.record->state, ExchangeState::kStreaming) != ExchangeState::kStreaming)
      call.record->last_attempt.streaming_at = loop_.now();
    if (next->last) co_return co_await out.finish(next->bytes, upstream.trailers());
    Result<void> written = co_await out.write(next->bytes);
    if (!written) co_return written;
    next.reset();
    deadline = loop_.now() + call.timeouts->between_tokens;
  }
}

}  // namespace sluice
