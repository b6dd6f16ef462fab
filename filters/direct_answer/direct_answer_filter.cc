#include "filters/direct_answer/direct_answer_filter.h"

namespace sluice {

Task<Result<void>> DirectAnswerFilter::handle(Exchange& /*exchange*/, ResponseWriter& client,
                                              ExchangeNext /*next*/) {
  ResponseHead head;
  head.status = answer_.status;
  if (!status_has_no_body(answer_.status)) {
    head.content_length = answer_.body.size();
    if (!answer_.body.empty()) head.headers.add(HeaderId::kContentType, answer_.content_type);
  }
  Result<void> started = co_await client.start(std::move(head));
  if (!started) co_return started;
  co_return co_await client.finish(answer_.body);
}

}  // namespace sluice
