#include "filters/list_models/list_models_filter.h"

#include <string>

#include "gateway/llm/model_list.h"

namespace sluice {

Task<Result<void>> ListModelsFilter::handle(Exchange& /*exchange*/, ResponseWriter& client,
                                            ExchangeNext /*next*/) {
  const std::vector<std::string> ids = co_await catalog_.ids();
  const std::string body = llm::model_list(ids);
  ResponseHead head;
  head.content_length = body.size();
  head.headers.add(HeaderId::kContentType, "application/json");
  Result<void> started = co_await client.start(std::move(head));
  if (!started) co_return started;
  co_return co_await client.finish(body);
}

}  // namespace sluice
