#include "gateway/proxy/proxy.h"

#include <utility>
#include <vector>

#include "gateway/net/tls_state.h"
#include "gateway/proxy/forwarding.h"
#include "gateway/proxy/responder.h"

namespace sluice {
namespace {

// Holds one of the process's places for an exchange.
class StreamPlace {
 public:
  explicit StreamPlace(StreamPlaces& places) noexcept : places_(places), granted_(places.take()) {}
  StreamPlace(const StreamPlace&) = delete;
  ~StreamPlace() { places_.give(); }
  bool granted() const noexcept { return granted_; }

 private:
  StreamPlaces& places_;
  bool granted_;
};

// Apart, so that the frame that waits for the answer has no room for it.
[[gnu::noinline]] void refuse_place(Exchange& exchange) {
  exchange.head_match = fail(ErrorKind::kOverloaded, "limits.max_streams exchanges are open");
}

}  // namespace

Proxy::Proxy(Loop& loop, ExchangeChain entry, std::shared_ptr<const RouteTable> routes, StreamLimit& limit,
             ExchangeSink& sink, TraceSampler sampler)
    : loop_(loop),
      entry_(std::move(entry)),
      routes_(std::move(routes)),
      places_(limit),
      sink_(sink),
      sampler_(sampler) {}

Task<Result<void>> Proxy::serve(ServerStream& stream) {
  StreamPlace place(places_);
  Exchange exchange(stream, routes_);
  begin(exchange);
  if (!place.granted()) refuse_place(exchange);
  co_return co_await entry_.run(exchange, stream.client);
}

void Proxy::begin(Exchange& exchange) {
  exchanges_.push_back(exchange);
  const ServerStream& stream = exchange.stream;
  TraceContext trace = trace_context(stream.head, loop_.random(), sampler_);
  Request& request = *exchange.request;
  request.length = stream.body.length();

  ExchangeRecord& record = exchange.record;
  record.id = request_id(stream.head, loop_.random());
  request.upstream_head = upstream_head(stream, exchange.client, record.id, trace);
  record.trace_id = std::move(trace.trace_id);
  record.span_id = trace.span_id;
  record.parent_span_id = trace.parent_id;
  record.sampled = trace.sampled;
  record.peer = stream.peer;
  if (exchange.client.through_proxy) record.client = exchange.client.text;
  record.protocol = stream.protocol;
  if (stream.tls != nullptr) {
    record.tls = stream.tls->version;
    if (stream.tls->peer) record.client_certificate = stream.tls->peer->subject;
  }
  record.method = stream.head.method;
  record.path = stream.head.path();
  record.received_at = stream.received_at;
  record.started_at = loop_.time().wall() - (loop_.now() - stream.received_at);
}

bool Proxy::kill(std::string_view id) {
  // An id may be the client's choice, so several may have it.
  std::vector<Exchange*> found;
  exchanges_.for_each([&](Exchange& exchange) {
    if (exchange.record.id == id && exchange.stream.canceller != nullptr) found.push_back(&exchange);
  });
  for (Exchange* exchange : found) {
    exchange->record.note_error(Error{ErrorKind::kKilled, "ended by an operator"});
    exchange->stream.canceller->cancel();
  }
  return !found.empty();
}

Task<Result<void>> Proxy::refuse(RefusedRequest refused) {
  ExchangeRecord record;
  record.id = "-";
  record.peer = refused.peer;
  record.protocol = refused.protocol;
  record.received_at = refused.received_at;
  record.started_at = loop_.time().wall() - (loop_.now() - refused.received_at);
  record.note_error(refused.error);
  record.status = traits(refused.error.kind).status;
  Result<void> answered = co_await respond(refused.error, refused.client, false);
  record.state = ExchangeState::kDone;
  record.ended_at = loop_.time().now();  // may end in the event in which it began, and took time all the same
  sink_.ended(record);
  co_return answered;
}

}  // namespace sluice
