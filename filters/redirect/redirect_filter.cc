#include "filters/redirect/redirect_filter.h"

#include "gateway/proxy/host_pattern.h"

namespace sluice {

std::string RedirectTarget::location(const RequestHead& head) const {
  std::string out;
  if (scheme) out.append(*scheme).append(":");
  if (host) {
    out.append("//").append(*host);
  } else if (scheme) {
    out.append("//").append(host_of_authority(head.authority()));
  }
  if (path) {
    out.append(*path);
  } else if (rewrite) {
    out.append(rewrite->apply(head.path()));
  } else {
    out.append(head.path());
  }
  return out.append(head.query());
}

Task<Result<void>> RedirectFilter::handle(Exchange& exchange, ResponseWriter& client, ExchangeNext /*next*/) {
  ResponseHead head;
  head.status = target_.status;
  head.content_length = 0;
  head.headers.add("location", target_.location(exchange.head()));
  Result<void> started = co_await client.start(std::move(head));
  if (!started) co_return started;
  co_return co_await client.finish({});
}

}  // namespace sluice
