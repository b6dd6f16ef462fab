#include "filters/body_view/body_view_filter.h"

#include <utility>

#include "gateway/proxy/forwarding.h"

namespace sluice {

Task<Result<void>> BodyViewFilter::handle(Exchange& exchange, ResponseWriter& client, ExchangeNext) {
  if (!exchange.head_match) return Result<void>(fail(exchange.head_match.error()));
  BodyReader& body = exchange.stream.body;
  Request& request = *exchange.request;
  const std::uint64_t listeners = body.limit();
  const RouteTable::HeadMatch& head_match = *exchange.head_match;
  const std::uint64_t limit =
      exchange.routes->body_limit(head_match, exchange.head(), exchange.client.text, listeners);
  const bool has_body = request.length != 0;
  const bool needs_view = head_match.needs_body && has_body;
  body.set_limit(limit);
  if (request.length && *request.length > limit) {
    return Result<void>(fail(ErrorKind::kBodyTooLarge, "the body is longer than max_body_bytes"));
  }
  // Before a byte of it is asked for: what cannot be read need not be sent.
  if (needs_view && exchange.head().headers.has(HeaderId::kContentEncoding)) {
    return Result<void>(
        fail(ErrorKind::kUnsupportedMediaType, "send the JSON body without Content-Encoding"));
  }
  const bool kept = needs_view || (has_body && request.length && *request.length <= kReplayBytes);
  if (kept) return read_and_run(exchange, client, limit, listeners);
  if (has_body) request.live_body = &body;
  return run_route(exchange, client, listeners);
}

Task<Result<void>> BodyViewFilter::read_and_run(Exchange& exchange, ResponseWriter& client,
                                                std::uint64_t limit, std::uint64_t listeners_limit) {
  Result<void> kept = co_await read(exchange, limit);
  if (!kept) co_return kept;
  if (Result<void> viewed = view(exchange); !viewed) co_return viewed;
  co_return co_await become(run_route(exchange, client, listeners_limit));
}

Result<void> BodyViewFilter::view(Exchange& exchange) {
  const RouteTable::HeadMatch& head_match = *exchange.head_match;
  if (!head_match.needs_body) return {};
  Request& request = *exchange.request;
  Result<llm::RequestView> view = parser_.parse(
      *request.body, {.members = exchange.routes->matcher().members(), .lenient = head_match.lenient_body});
  if (!view) return fail(std::move(view.error()));
  request.view = std::move(*view);
  exchange.record.stream = request.view->stream;
  return {};
}

Task<Result<void>> BodyViewFilter::run_route(Exchange& exchange, ResponseWriter& client,
                                             std::uint64_t listeners_limit) {
  Result<void> complete_match = complete(exchange, listeners_limit);
  if (!complete_match) return complete_match;
  return exchange.route->chain.run(exchange, client);
}

Task<Result<void>> BodyViewFilter::read(Exchange& exchange, std::uint64_t limit) {
  Request& request = *exchange.request;
  llm::BodyBuffer& buffer = request.body.emplace(limit);
  if (request.length) {
    Result<void> reserved = buffer.reserve(*request.length);
    if (!reserved) co_return reserved;
  }
  for (;;) {
    Result<BodyPiece> piece = co_await exchange.stream.body.read();
    if (!piece) co_return fail(std::move(piece.error()));
    Result<void> appended = buffer.append(piece->bytes);
    if (!appended) co_return appended;
    exchange.record.request_bytes = buffer.size();
    if (piece->last) break;
  }
  if (const Headers* trailers = exchange.stream.body.trailers(); trailers != nullptr && !trailers->empty())
    request.trailers = upstream_trailers(*trailers);
  // The last piece is copied: reading on lets the codec give its buffer back for the minutes of the answer.
  (void)co_await exchange.stream.body.read();
  co_return Result<void>();
}

Result<void> BodyViewFilter::complete(Exchange& exchange, std::uint64_t listeners_limit) {
  const llm::RequestView* view = exchange.request->view ? &*exchange.request->view : nullptr;
  if (view != nullptr) exchange.record.model = view->model.view().substr(0, 256);
  Result<const Route*> route =
      exchange.routes->match(*exchange.head_match, exchange.head(), exchange.client.text, view);
  if (!route) return fail(std::move(route.error()));
  // The limit so far was that of the most generous route still possible.
  if (exchange.request->body_bytes().size() > (*route)->max_body_bytes.value_or(listeners_limit)) {
    return fail(ErrorKind::kBodyTooLarge, "the body is longer than this route's max_body_bytes");
  }
  exchange.route = *route;
  exchange.record.route = exchange.route->name;
  return {};
}

}  // namespace sluice
