#include "filters/request_edit/request_edit_filter.h"

#include <string>

namespace sluice {

Task<Result<void>> RequestEditFilter::handle(Exchange& exchange, ResponseWriter& client, ExchangeNext next) {
  RequestHead& head = exchange.request->upstream_head;
  if (edits_.path || !edits_.query.empty()) {
    // Copies: the head's texts may move when one is added.
    const std::string path = edits_.path ? edits_.path->apply(head.path()) : std::string(head.path());
    const std::string query = edits_.query.apply(head.query());
    head.set_target(path, query);
  }
  if (edits_.host) head.set_authority(*edits_.host);
  edits_.headers.apply(head.headers);
  return next(exchange, client);
}

}  // namespace sluice
